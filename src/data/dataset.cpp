// Opening whatever a path is, and reading a source's bytes.
#include "caft/data/dataset.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "data/formats.hpp"
#include "data/tar.hpp"
#include "data/text.hpp"
#include "data/walk.hpp"

namespace caft {
namespace fs = std::filesystem;
namespace {

/// What `path` is. Throws Error(not_found | io) when it cannot be told.
fs::file_status status_of(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    throw Error(ErrorKind::not_found, data::printable(path.string()) + " does not exist",
                "check the path");
  }
  if (error) {
    throw Error(ErrorKind::io,
                "cannot read " + data::printable(path.string()) + ": " + error.message());
  }
  return status;
}

bool is_tar(const fs::path& path) { return data::lower(path.string()).ends_with(".tar"); }

/// The last part of the path, also of "dir/" and ".".
std::string name_of(const fs::path& path) {
  std::error_code ignored;
  const fs::path whole = fs::absolute(path, ignored).lexically_normal();
  const fs::path name = whole.has_filename() ? whole.filename() : whole.parent_path().filename();
  return data::printable(name.string());
}

std::vector<fs::path> in_folder(const fs::path& folder, const std::vector<std::string>& names) {
  std::vector<fs::path> paths;
  paths.reserve(names.size());
  for (const std::string& name : names) paths.push_back(folder / name);
  return paths;
}

Dataset open_file(const fs::path& path) {
  const std::string name = data::lower(path.filename().string());
  if (name.ends_with(".csv")) return data::open_csv(path);
  if (name.ends_with(".jsonl")) return data::open_jsonl(path);
  if (is_tar(path)) return data::open_webdataset({path});
  const std::string shown = data::printable(path.string());
  if (name.ends_with(".tgz") || name.find(".tar.") != std::string::npos) {
    throw Error(ErrorKind::bad_input, shown + " is a compressed archive", "decompress it to .tar");
  }
  throw Error(ErrorKind::bad_input, shown + " is no data set",
              "give a folder of class folders, a .csv, a .jsonl or a .tar");
}

void add_image(fs::path file, Dataset& dataset) {
  Sample sample;
  sample.source.file = std::move(file);
  dataset.samples.push_back(std::move(sample));
}

void add_tar(const fs::path& path, Dataset& dataset) {
  const std::size_t before = dataset.samples.size();
  for (data::TarMember& member : data::index_tar(File::open(path)).members) {
    const std::string_view base = std::string_view(member.name).substr(member.name.rfind('/') + 1);
    if (base.starts_with('.') || !data::has_image_extension(base)) continue;
    Sample sample;
    sample.source = {path, std::move(member.name), member.offset, member.size};
    dataset.samples.push_back(std::move(sample));
  }
  if (dataset.samples.size() == before) {
    throw Error(ErrorKind::bad_input,
                data::printable(path.string()) + " holds no images (" +
                    std::string(data::kImageExtensions) + ")",
                "name an archive with images");
  }
}

void add_folder(const fs::path& folder, Dataset& dataset) {
  std::vector<fs::path> images = data::walk_images(folder);
  for (fs::path& image : images) add_image(std::move(image), dataset);
  if (!images.empty()) return;
  const std::vector<std::string> tars = data::list_folder(folder).tars;
  for (const fs::path& tar : in_folder(folder, tars)) add_tar(tar, dataset);
  if (tars.empty()) {
    throw Error(ErrorKind::bad_input,
                data::printable(folder.string()) + " holds no images (" +
                    std::string(data::kImageExtensions) + ")",
                "name a folder with images");
  }
}

}  // namespace

std::string ImageSource::display_name() const {
  return data::printable(member.empty() ? file.string() : file.string() + ":" + member);
}

std::vector<std::byte> read_source(const ImageSource& source, std::uint64_t limit) {
  // A pipe would block in open, so the kind is asked first.
  if (!fs::is_regular_file(status_of(source.file))) {
    throw Error(ErrorKind::bad_input,
                data::printable(source.file.string()) + " is not a regular file", "name a file");
  }
  if (!source.size) {
    if (source.offset == 0) return read_file(source.file, limit);
    throw Error(ErrorKind::usage, source.display_name() + " has an offset but no size");
  }
  const File file = File::open(source.file);
  const std::uint64_t whole = file.size();
  if (*source.size > limit) {
    throw Error(ErrorKind::bad_input, source.display_name() + " has " +
                                          std::to_string(*source.size) +
                                          " bytes, over the limit of " + std::to_string(limit));
  }
  if (source.offset > whole || *source.size > whole - source.offset) {
    throw Error(ErrorKind::bad_input, source.display_name() + " lies beyond the end of its archive",
                "the archive changed since it was opened: open it again");
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(*source.size));
  file.read_at(source.offset, bytes);
  return bytes;
}

Dataset open_dataset(const fs::path& path) {
  Dataset dataset;
  if (fs::is_directory(status_of(path))) {
    const data::Listing listing = data::list_folder(path);
    const bool shards = listing.folders.empty() && listing.images.empty() && !listing.tars.empty();
    dataset =
        shards ? data::open_webdataset(in_folder(path, listing.tars)) : data::open_folder(path);
  } else {
    dataset = open_file(path);
  }
  dataset.name = name_of(path);
  return dataset;
}

Dataset open_images(const std::vector<fs::path>& paths) {
  if (paths.empty()) {
    throw Error(ErrorKind::usage, "no images are named", "name files, folders or .tar files");
  }
  Dataset dataset;
  dataset.labelled = false;
  dataset.name = name_of(paths.front());
  for (const fs::path& path : paths) {
    const fs::file_status status = status_of(path);
    if (fs::is_directory(status)) {
      add_folder(path, dataset);
    } else if (!fs::is_regular_file(status)) {
      throw Error(ErrorKind::bad_input,
                  data::printable(path.string()) + " is neither a file nor a folder",
                  "name an image, a folder or a .tar file");
    } else if (is_tar(path)) {
      add_tar(path, dataset);
    } else {
      add_image(path, dataset);
    }
  }
  return dataset;
}

}  // namespace caft
