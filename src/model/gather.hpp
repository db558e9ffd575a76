// A data set's samples and their cached features, as trainers take them.
#pragma once

#include <cstdint>
#include <vector>

#include "caft/data/dataset.hpp"
#include "caft/extract/cache_dataset.hpp"
#include "caft/head/trainer.hpp"

namespace caft {

/// Samples of a cached data set, renumbered from 0, with their rows in one feature matrix.
struct Gathered {
  FeatureMatrix features;
  std::vector<std::size_t> samples;  ///< index in the data set of each
  std::vector<std::int32_t> labels;
  std::vector<std::uint8_t> multi_hot;
  std::vector<std::uint32_t> train, val;
  std::size_t classes = 0;

  [[nodiscard]] FeatureView view() const {
    return {.data = features.data.get(),
            .dtype = features.dtype,
            .rows = features.rows,
            .dim = features.dim};
  }
  /// Borrows this object.
  [[nodiscard]] TrainingData training_data() const {
    return {.features = view(),
            .row_of = features.row_of,
            .labels = labels,
            .multi_hot = multi_hot,
            .classes = classes,
            .train = train,
            .val = val};
  }
};

/// Which samples are gathered. Unreadable ones never are.
enum class GatherPart : std::uint8_t {
  training,    ///< all but `test`; those of `val` apart, in `val`
  learnable,   ///< all but `test`, those of `val` among `train`: for cross-validation
  everything,  ///< all, whatever their split, in `train`
};

Gathered gather(const Dataset& dataset, const CachedDataset& cached,
                GatherPart part = GatherPart::training);

}  // namespace caft
