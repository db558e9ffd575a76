// The report's data, section by section, as docs/report_data.md lists it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "caft/data/dataset.hpp"
#include "caft/extract/cache_dataset.hpp"
#include "caft/head/metrics.hpp"
#include "caft/model/evaluate.hpp"

namespace caft {

/// The data set: counts a class and split, unreadable files, thumbnails of some images of each
/// class.
nlohmann::json dataset_section(const Dataset& dataset, const std::filesystem::path& path,
                               const std::vector<BadFile>& bad);
nlohmann::json backbone_section(const Backbone& backbone);
nlohmann::json metrics_section(const Metrics& metrics, const std::vector<std::string>& classes);
/// Metrics with their interval, and thumbnails of the most confident mistakes.
nlohmann::json evaluation_section(const Evaluation& evaluation, const Dataset& dataset,
                                  const std::vector<std::string>& classes,
                                  const std::string& split);

/// Adds date, version and machine to `data`, and writes report.json and report.html into a model
/// folder. load_report() gives report.json back, or an empty object when there is none.
void save_report(const std::filesystem::path& model_folder, nlohmann::json data);
nlohmann::json load_report(const std::filesystem::path& model_folder);

}  // namespace caft
