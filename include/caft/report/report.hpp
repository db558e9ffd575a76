// The HTML report: one self-contained file.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace caft {

/// Renders `data` (docs/report_data.md lists its keys) into the page embedded in the library, with
/// the plotting library inside, so that it opens without a network. Published atomically.
void write_report(const std::filesystem::path& file, const nlohmann::json& data);

}  // namespace caft
