// What a linear head says of every sample when it has not seen it.
#pragma once

#include <cstdint>
#include <vector>

#include "caft/core/progress.hpp"
#include "caft/head/trainer.hpp"

namespace caft::lab {

struct OutOfFoldOptions {
  int folds = 5;
  std::uint64_t seed = 0;
  bool balanced = false;
  int threads = 0;
};

struct OutOfFold {
  std::vector<float> logits;  ///< [data.train.size(), classes], each by the fold that left it out
  std::vector<int> fold_of;   ///< [data.train.size()]
  double lambda = 0;
  double loss = 0, accuracy = 0;  ///< of the logits
  double temperature = 1;         ///< fitted to the logits
};

/// Stratified cross-validation of a linear head (L-BFGS) on `data.train`, for every sample, however
/// many there are. Lambda is chosen by the out-of-fold loss along the trainer's path; where a pass
/// over the data would exceed 40 GFLOP, on a stratified part of the samples. Throws as HeadTrainer.
OutOfFold out_of_fold(const TrainingData& data, const OutOfFoldOptions& options,
                      ProgressSink* progress = nullptr);

}  // namespace caft::lab
