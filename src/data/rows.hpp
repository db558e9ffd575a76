// What CSV and JSONL have in common: rows of (path, labels, split).
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "caft/data/dataset.hpp"

namespace caft::data {

/// Collects rows into a data set: checks that paths stay inside the file's folder, that no image is
/// listed twice, that class names are usable, and gives the classes their indices at the end.
class RowCollector {
 public:
  /// `file` names the table: paths are relative to its folder.
  explicit RowCollector(const std::filesystem::path& file);

  /// Adds the row that begins in `line` (from 1). Throws Error(bad_input) naming file and line.
  void add(std::size_t line, const std::string& path, const std::vector<std::string>& labels,
           const std::string& split);

  /// The data set: classes sorted bytewise, samples in the rows' order. Throws Error(bad_input)
  /// when there is no row or no label.
  Dataset finish() &&;

  /// "labels.csv:12", for messages.
  [[nodiscard]] std::string where(std::size_t line) const;

 private:
  /// `path` relative to the folder and normalised.
  [[nodiscard]] std::filesystem::path inside(std::size_t line, const std::string& path) const;

  std::filesystem::path file_, folder_;
  std::vector<std::filesystem::path> roots_;               ///< the folder's absolute names
  std::unordered_map<std::string, std::int32_t> classes_;  ///< in the order of appearance
  std::unordered_map<std::string, std::size_t> line_of_;   ///< of each path
  Dataset dataset_;
};

}  // namespace caft::data
