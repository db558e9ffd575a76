// The images that a model is scored on, with their features: for eval and export.
#pragma once

#include <string>
#include <vector>

#include "caft/extract/cache_dataset.hpp"
#include "caft/model/model.hpp"
#include "options.hpp"

namespace caft::cli {

/// Only what is scored is here and cached, in the data set's order.
struct ScoredData {
  Dataset dataset;
  CachedDataset cached;
  std::vector<std::size_t> samples;  ///< 0, 1, … of `dataset`
};

/// The split of the data set at `path` that samples_to_score() chooses. Features come from the
/// cache that the model was trained on where `flags` name none and `own_precision` holds.
ScoredData load_scored_data(const Model& model, const Backbone& backbone, const std::string& path,
                            const std::string& split, const CacheFlags& flags, bool own_precision);

}  // namespace caft::cli
