// What verbs print: tables for people, JSON for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "caft/extract/cache_dataset.hpp"
#include "caft/head/metrics.hpp"

namespace caft::cli {

void print_json(const nlohmann::json& json);
void print_line(const std::string& line);

/// Columns are as wide as their widest cell; the first row is the heading.
void print_table(const std::vector<std::vector<std::string>>& rows);

/// The `cache` document: {cache, fingerprint, backbone, precision, samples, computed, reused,
/// failed, feature_dim, dtype, seconds, images_per_second}, and where the time went.
nlohmann::json cache_json(const CachedDataset& cached, const Backbone& backbone);

/// Names the first unreadable files on stderr, and how many there are.
void warn_of_bad_files(const CachedDataset& cached);

/// n, loss, accuracy, top5, macro_f1, ece, roc_auc, per_class and confusion of `metrics`.
nlohmann::json metrics_json(const Metrics& metrics, const std::vector<std::string>& classes);

}  // namespace caft::cli
