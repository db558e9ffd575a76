// Runs the real binary, in a CAFT_HOME of its own.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "temp_folder.hpp"

namespace caft::test {

struct ProgramResult {
  int exit_code = 0;
  std::string out, err;
  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(out); }
};

/// A scratch folder with a store that holds the backbone `tiny`
/// (tests/support/make_tiny_backbone.py) once add_tiny_backbone() was called.
class CaftProgram {
 public:
  /// Runs `caft ARGUMENTS…` with the scratch folder as working folder.
  [[nodiscard]] ProgramResult run(const std::vector<std::string>& arguments) const;
  void add_tiny_backbone() const;
  [[nodiscard]] const TempFolder& folder() const { return folder_; }

 private:
  TempFolder folder_;
};

/// Class folders DATA/CLASS/N.jpg of `per_class` seeded images a class (at most three classes:
/// round blobs, stripes and noise, in varying colours), which a tiny backbone can tell apart.
void write_class_folders(const std::filesystem::path& data, int classes, int per_class,
                         std::uint32_t seed = 0);

}  // namespace caft::test
