// From a cached data set to a trained model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "caft/core/progress.hpp"
#include "caft/data/dataset.hpp"
#include "caft/extract/cache_dataset.hpp"
#include "caft/head/metrics.hpp"
#include "caft/head/trainer.hpp"
#include "caft/model/model.hpp"

namespace caft {

/// How a data set without splits of its own is divided.
struct HoldOut {
  double fraction = 0.2;  ///< of each class, kept away from training as `test`
  std::uint64_t seed = 0;
};

struct FitResult {
  Model model;
  TrainOutcome outcome;
  Metrics train;       ///< on the training samples, in-sample
  Metrics validation;  ///< on the samples that choices were made on (out-of-fold for L-BFGS)
};

/// Marks samples without a split by `hold_out`; a data set with any split of its own is left alone
/// (unmarked samples then count as train). Returns what was done, for Model::data.
nlohmann::json apply_hold_out(Dataset& dataset, const HoldOut& hold_out);

/// Trains a head on the samples of `train`; those of `val`, if any, serve every choice; those of
/// `test` are not touched. `dataset` and `cached` must belong together. Unreadable samples are left
/// out. Throws Error(bad_input) when fewer than two classes have training samples.
FitResult fit_model(const Dataset& dataset, const CachedDataset& cached, const Backbone& backbone,
                    const TrainConfig& config, ProgressSink* progress = nullptr);

}  // namespace caft
