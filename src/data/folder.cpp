// Class folders, as torchvision's ImageFolder reads them.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "caft/core/error.hpp"
#include "data/formats.hpp"
#include "data/text.hpp"
#include "data/walk.hpp"

namespace caft::data {
namespace fs = std::filesystem;
namespace {

struct Level {
  Split split = Split::none;
  fs::path folder;
  std::vector<std::string> classes;
};

[[noreturn]] void refuse(const std::string& what, const std::string& remedy) {
  throw Error(ErrorKind::bad_input, what, remedy);
}

std::string shown(const fs::path& path) { return printable(path.string()); }

/// The class folders of `folder`, which must hold nothing but them (and files that are no images).
std::vector<std::string> class_folders(const fs::path& folder, Listing listing) {
  if (listing.folders.empty()) {
    if (listing.images.empty()) {
      refuse(shown(folder) + " holds neither class folders nor tar shards",
             "put each class's images into a folder named after the class");
    }
    refuse(shown(folder) + " holds images but no class folders",
           "put each class's images into a folder named after the class, or list them in a .csv "
           "with the header path,label");
  }
  if (!listing.images.empty()) {
    refuse(shown(folder / listing.images.front()) + " lies beside class folders",
           "move it into the folder of its class, or away");
  }
  return std::move(listing.folders);
}

/// Whether the folder's visible subfolders are splits. A folder named like a split that holds
/// images directly may still be a class ("train" beside "car"); one that holds only folders may
/// not.
bool has_split_level(const fs::path& root, const std::vector<std::string>& folders) {
  const auto named_as_split = [](const std::string& name) {
    return split_of_name(name).has_value();
  };
  const auto other = std::find_if_not(folders.begin(), folders.end(), named_as_split);
  if (folders.empty() || other == folders.end()) return !folders.empty();
  for (const std::string& name : folders) {
    if (!named_as_split(name)) continue;
    const Listing inside = list_folder(root / name);
    if (inside.images.empty() && !inside.folders.empty()) {
      refuse(shown(root / name) + " looks like a split but lies beside " + shown(root / *other),
             "keep only train, val and test there, or only class folders");
    }
  }
  return false;
}

void add_samples(const Level& level, const std::map<std::string, std::int32_t>& index,
                 Dataset& dataset) {
  for (const std::string& name : level.classes) {
    const fs::path folder = level.folder / name;
    std::vector<fs::path> images = walk_images(folder);
    if (images.empty()) {
      refuse("class folder " + shown(folder) + " holds no images (" +
                 std::string(kImageExtensions) + ")",
             "add images to it or remove it");
    }
    const std::int32_t label = index.at(name);
    for (fs::path& image : images) {
      Sample sample;
      sample.source.file = std::move(image);
      sample.labels = {label};
      sample.split = level.split;
      dataset.samples.push_back(std::move(sample));
    }
  }
}

}  // namespace

Dataset open_folder(const fs::path& root) {
  Listing top = list_folder(root);
  std::vector<Level> levels;
  if (has_split_level(root, top.folders)) {
    if (!top.images.empty()) {
      refuse(shown(root / top.images.front()) + " lies beside the folders of the splits",
             "move it into the folder of its class, or away");
    }
    for (const std::string& name : top.folders) {
      const fs::path folder = root / name;
      levels.push_back({*split_of_name(name), folder, class_folders(folder, list_folder(folder))});
    }
    std::stable_sort(levels.begin(), levels.end(),
                     [](const Level& a, const Level& b) { return a.split < b.split; });
  } else {
    levels.push_back({Split::none, root, class_folders(root, std::move(top))});
  }

  std::set<std::string> classes;
  for (const Level& level : levels) {
    for (const std::string& name : level.classes) {
      check_class_name(name, shown(level.folder));
      classes.insert(name);
    }
  }
  Dataset dataset;
  dataset.classes.assign(classes.begin(), classes.end());
  std::map<std::string, std::int32_t> index;
  for (const std::string& name : dataset.classes) {
    index.emplace(name, static_cast<std::int32_t>(index.size()));
  }
  for (const Level& level : levels) add_samples(level, index, dataset);
  return dataset;
}

}  // namespace caft::data
