#include "data/walk.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <system_error>
#include <utility>

#include "caft/core/error.hpp"
#include "data/text.hpp"

namespace caft::data {
namespace fs = std::filesystem;

Listing list_folder(const fs::path& folder) {
  Listing listing;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (name.starts_with('.')) continue;
    std::error_code ignored;  // a broken link has no status: judged by its name below
    const fs::file_status status = entry->status(ignored);
    if (fs::is_directory(status)) {
      listing.folders.push_back(std::move(name));
    } else if (fs::exists(status) && !fs::is_regular_file(status)) {
      continue;  // sockets, pipes and devices are never images
    } else if (has_image_extension(name)) {
      listing.images.push_back(std::move(name));
    } else if (lower(name).ends_with(".tar")) {
      listing.tars.push_back(std::move(name));
    }
  }
  if (error) {
    throw Error(ErrorKind::io,
                "cannot list folder " + printable(folder.string()) + ": " + error.message());
  }
  for (auto* names : {&listing.folders, &listing.images, &listing.tars}) {
    std::sort(names->begin(), names->end());
  }
  return listing;
}

std::vector<fs::path> walk_images(const fs::path& folder) {
  struct Found {
    std::string parent;
    std::vector<std::string> names;
  };
  std::vector<Found> found;
  std::set<std::pair<dev_t, ino_t>> seen;
  std::vector<fs::path> pending = {folder};
  while (!pending.empty()) {
    const fs::path here = std::move(pending.back());
    pending.pop_back();
    struct stat status {};
    if (::stat(here.c_str(), &status) != 0) {
      throw Error(ErrorKind::io,
                  "cannot read folder " + printable(here.string()) + ": " + std::strerror(errno));
    }
    if (!seen.emplace(status.st_dev, status.st_ino).second) continue;
    Listing listing = list_folder(here);
    if (!listing.images.empty()) found.push_back({here.string(), std::move(listing.images)});
    // Pushed backwards, so that folders are met in the order of their names: which of two names of
    // one folder counts must not depend on the file system either.
    for (auto name = listing.folders.rbegin(); name != listing.folders.rend(); ++name) {
      pending.push_back(here / *name);
    }
  }
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return a.parent < b.parent; });
  std::vector<fs::path> images;
  for (const Found& in : found) {
    for (const std::string& name : in.names) images.push_back(fs::path(in.parent) / name);
  }
  return images;
}

}  // namespace caft::data
