// Scoring a model on held-out samples.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "caft/data/dataset.hpp"
#include "caft/extract/cache_dataset.hpp"
#include "caft/head/metrics.hpp"
#include "caft/model/model.hpp"

namespace caft {

struct Mistake {
  std::size_t sample = 0;  ///< index in the data set
  std::int32_t truth = 0, predicted = 0;
  double probability = 0;  ///< of the predicted class
};

struct Evaluation {
  Metrics metrics;
  double ece_uncalibrated = 0;                 ///< with temperature 1
  double accuracy_low = 0, accuracy_high = 0;  ///< Wilson score interval, 95 %
  /// Single label: how well a model knows what it does not know. Energies of right and of wrong
  /// predictions; shares of prediction sets that held the truth, and their mean size.
  std::vector<double> energy_right, energy_wrong;
  struct Coverage {
    double asked = 0, got = 0, mean_size = 0;
  };
  std::vector<Coverage> coverage;  ///< for 80, 90 and 95 %; empty without calibration
  std::vector<Mistake> mistakes;   ///< wrong top-1 predictions, most confident first (single label)
};

/// The model's index of each of the data set's classes. A class that the model lacks is
/// Error(mismatch).
std::vector<std::int32_t> class_mapping(const Model& model, const Dataset& dataset);

/// Logits [samples, classes] from cached features, in the order of `samples` (indices into the data
/// set, each with a key).
std::vector<float> cached_logits(const Model& model, const CachedDataset& cached,
                                 std::span<const std::size_t> samples);

/// Scores `samples`. The data set's classes must be the model's, in any order; a class that the
/// model lacks is Error(mismatch). Unreadable samples are left out.
Evaluation evaluate_model(const Model& model, const Dataset& dataset, const CachedDataset& cached,
                          std::span<const std::size_t> samples);

/// The samples that `split` ("test", "val", "train", "all", or empty for the held-out ones) names.
/// An unsplit data set that the model was trained on is divided as it was then. Throws
/// Error(not_found) when there are none, Error(mismatch) when the data set has changed since.
std::vector<std::size_t> samples_to_score(const Model& model, Dataset& dataset,
                                          const std::filesystem::path& path,
                                          const std::string& split);

}  // namespace caft
