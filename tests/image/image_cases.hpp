// The cases that make_cases.py left in the build folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "caft/core/file.hpp"

namespace caft::image_cases {

inline std::vector<std::byte> read(const std::string& name) {
  return read_file(std::filesystem::path(CAFT_IMAGE_CASES) / name);
}

/// The list called `kind`: "decode" or "preprocess".
inline nlohmann::json list(const std::string& kind) {
  return nlohmann::json::parse(read_text(std::filesystem::path(CAFT_IMAGE_CASES) / "cases.json"))
      .at(kind);
}

}  // namespace caft::image_cases
