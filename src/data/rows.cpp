#include "data/rows.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "caft/core/error.hpp"
#include "data/text.hpp"

namespace caft::data {
namespace fs = std::filesystem;
namespace {

bool escapes(const fs::path& relative) {
  return relative.empty() || relative.is_absolute() || *relative.begin() == "..";
}

}  // namespace

RowCollector::RowCollector(const fs::path& file) : file_(file), folder_(file.parent_path()) {
  std::error_code error;
  const fs::path absolute = fs::absolute(file, error).parent_path();
  if (!error) roots_.push_back(absolute.lexically_normal());
  fs::path real = fs::canonical(absolute, error);  // absolute paths may name the folder past links
  if (!error) roots_.push_back(std::move(real));
}

std::string RowCollector::where(std::size_t line) const {
  return printable(file_.string()) + ":" + std::to_string(line);
}

fs::path RowCollector::inside(std::size_t line, const std::string& text) const {
  const auto refuse = [&](const std::string& what, const std::string& remedy) {
    throw Error(ErrorKind::bad_input, where(line) + ": " + what, remedy);
  };
  if (text.empty()) refuse("the path is empty", "name the image");
  if (text.find('\0') != std::string::npos) refuse("the path holds a NUL byte", "correct the path");
  fs::path path = fs::path(text).lexically_normal();
  if (path.is_absolute()) {
    for (const fs::path& root : roots_) {
      const fs::path relative = path.lexically_relative(root);
      if (!escapes(relative)) {
        path = relative;
        break;
      }
    }
  }
  if (escapes(path)) {
    refuse("path '" + printable(text) + "' leaves the folder of the file",
           "give paths relative to that folder and keep the images in it");
  }
  if (!path.has_filename() || path == ".") {
    refuse("path '" + printable(text) + "' names a folder", "name an image");
  }
  return path;
}

void RowCollector::add(std::size_t line, const std::string& path,
                       const std::vector<std::string>& labels, const std::string& split) {
  Sample sample;
  const fs::path relative = inside(line, path);
  const auto [earlier, fresh] = line_of_.emplace(relative.native(), line);
  if (!fresh) {
    throw Error(ErrorKind::bad_input,
                where(line) + ": " + printable(relative.native()) + " is already listed in line " +
                    std::to_string(earlier->second),
                "list each image once, with all its labels");
  }
  sample.source.file = folder_ / relative;
  for (const std::string& label : labels) {
    auto known = classes_.find(label);
    if (known == classes_.end()) {
      check_class_name(label, where(line));
      known = classes_.emplace(label, static_cast<std::int32_t>(classes_.size())).first;
    }
    if (std::find(sample.labels.begin(), sample.labels.end(), known->second) !=
        sample.labels.end()) {
      throw Error(ErrorKind::bad_input,
                  where(line) + ": label '" + printable(label) + "' is given twice",
                  "give it once");
    }
    sample.labels.push_back(known->second);
  }
  if (sample.labels.size() != 1) dataset_.multi_label = true;
  const auto known = split.empty() ? Split::none : split_of_name(split);
  if (!known) {
    throw Error(ErrorKind::bad_input, where(line) + ": unknown split '" + printable(split) + "'",
                "use train, val or test, or leave it empty");
  }
  sample.split = *known;
  dataset_.samples.push_back(std::move(sample));
}

Dataset RowCollector::finish() && {
  const std::string name = printable(file_.string());
  if (dataset_.samples.empty()) {
    throw Error(ErrorKind::bad_input, name + " lists no images", "add a line for each image");
  }
  if (classes_.empty()) {
    throw Error(ErrorKind::bad_input, name + " gives no image a label", "fill in the labels");
  }
  std::vector<std::pair<std::string, std::int32_t>> sorted(classes_.begin(), classes_.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::int32_t> final_index(sorted.size());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    final_index[static_cast<std::size_t>(sorted[i].second)] = static_cast<std::int32_t>(i);
    dataset_.classes.push_back(std::move(sorted[i].first));
  }
  for (Sample& sample : dataset_.samples) {
    for (std::int32_t& label : sample.labels) label = final_index[static_cast<std::size_t>(label)];
    std::sort(sample.labels.begin(), sample.labels.end());
  }
  return std::move(dataset_);
}

}  // namespace caft::data
