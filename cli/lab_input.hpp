// What the verbs of the lab begin with: a data set, cached.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "caft/core/progress.hpp"
#include "caft/model/fit.hpp"
#include "options.hpp"

namespace caft::cli {

/// A data set with the features of its images.
struct LabInput {
  Dataset dataset;
  nlohmann::json split;  ///< as apply_hold_out told it; null where nothing was held out
  Backbone backbone;
  CachedDataset cached;
};

/// DATA, --backbone and what belongs to it, the cache's options, and the hold-out.
struct LabFlags {
  std::string data;
  BackboneFlags backbone;
  CacheFlags cache;
  HoldOut hold_out;

  void add_to(CLI::App& app);
  /// --holdout and --split-seed, for verbs that leave samples to caft eval.
  void add_hold_out_to(CLI::App& app);

  /// Opens all and caches what is missing. `hold_out_some`: marks test samples as caft train does.
  [[nodiscard]] LabInput open(ProgressSink& progress, bool hold_out_some) const;
};

}  // namespace caft::cli
