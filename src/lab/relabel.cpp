#include "caft/lab/relabel.hpp"

#include <algorithm>
#include <sstream>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"

namespace caft::lab {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDrop = "drop";

std::string text_of(const nlohmann::json& line, const char* key) {
  const auto found = line.find(key);
  return found != line.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// What becomes of each sample that is corrected: a class, or "drop". Dropping wins over a new
/// label: an image may be mislabelled and a duplicate.
std::unordered_map<std::string, std::string> fates_of(const std::vector<Correction>& corrections) {
  std::unordered_map<std::string, std::string> fates;
  for (const Correction& c : corrections) {
    if (c.suggested.empty() || c.suggested == c.label) continue;
    const auto [known, fresh] = fates.emplace(c.path, c.suggested);
    if (fresh || known->second == c.suggested || known->second == kDrop) continue;
    if (c.suggested != kDrop) {
      throw Error(ErrorKind::bad_input,
                  "line " + std::to_string(c.line) + ": " + c.path + " is to be both " +
                      known->second + " and " + c.suggested,
                  "keep one of the two lines");
    }
    known->second = kDrop;
  }
  return fates;
}

void check(const Dataset& dataset, const std::vector<Correction>& corrections) {
  std::unordered_map<std::string, std::string> labels;
  for (const Sample& sample : dataset.samples) {
    labels[sample.source.display_name()] =
        dataset.classes[static_cast<std::size_t>(sample.labels.front())];
  }
  for (const Correction& c : corrections) {
    const auto known = labels.find(c.path);
    const std::string where = "line " + std::to_string(c.line) + ": " + c.path;
    if (known == labels.end()) {
      throw Error(ErrorKind::not_found, where + " is not in the data set " + dataset.name,
                  "name the data set by the path that was audited");
    }
    if (known->second != c.label) {
      throw Error(ErrorKind::mismatch,
                  where + " is labelled " + known->second + ", not " + c.label +
                      " as it was when it was audited",
                  "audit again");
    }
  }
}

std::string relative_to(const fs::path& folder, const ImageSource& source) {
  if (!source.member.empty()) {
    throw Error(ErrorKind::usage, source.display_name() + " lies in an archive",
                "unpack it: a manifest names files");
  }
  const fs::path path =
      fs::absolute(source.file).lexically_normal().lexically_relative(folder).generic_string();
  if (path.empty() || *path.begin() == "..") {
    throw Error(ErrorKind::usage,
                source.file.string() + " lies outside the manifest's folder " + folder.string(),
                "choose --out in a folder above all images");
  }
  return path.string();
}

}  // namespace

std::vector<Correction> read_corrections(const fs::path& file) {
  std::vector<Correction> corrections;
  std::istringstream lines(read_text(file));
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || text_of(json, "path").empty() || text_of(json, "label").empty()) {
      throw Error(ErrorKind::bad_input,
                  file.string() + ":" + std::to_string(number) +
                      " is not an object with a path and a label",
                  "leave the lines as caft audit wrote them, or remove them whole");
    }
    corrections.push_back(
        {text_of(json, "path"), text_of(json, "label"), text_of(json, "suggested"), number});
  }
  return corrections;
}

RelabelResult relabel(const Dataset& dataset, const std::vector<Correction>& corrections,
                      const fs::path& manifest) {
  if (dataset.multi_label) {
    throw Error(ErrorKind::usage, dataset.name + " is multi-label, which relabel does not edit",
                "edit its manifest by hand");
  }
  check(dataset, corrections);
  const auto fates = fates_of(corrections);
  const fs::path folder = fs::absolute(manifest).lexically_normal().parent_path();
  RelabelResult result;
  std::string text;
  for (const Sample& sample : dataset.samples) {
    nlohmann::ordered_json line = {
        {"path", relative_to(folder, sample.source)},
        {"label", dataset.classes[static_cast<std::size_t>(sample.labels.front())]}};
    if (sample.split != Split::none) line["split"] = to_string(sample.split);
    if (const auto fate = fates.find(sample.source.display_name()); fate != fates.end()) {
      if (fate->second == kDrop) {
        ++result.dropped;
        continue;
      }
      line["label"] = fate->second;
      ++result.relabelled;
    }
    text += line.dump() + "\n";
    ++result.written;
  }
  write_file_atomically(manifest, text);
  return result;
}

}  // namespace caft::lab
