// What training minimises, and what validation reports.
#pragma once

#include <torch/torch.h>

#include "caft/head/trainer.hpp"

namespace caft {

class SampleSource;

/// Cross-entropy over classes, or binary cross-entropy over labels. Stateless once made.
class Objective {
 public:
  /// Class weights, where the config asks for them, come from the training samples' targets.
  Objective(const SampleSource& source, const TrainConfig& config);

  /// The mean loss of a batch, weighted and smoothed as configured. `logits` f32 [N, classes];
  /// `targets` as SampleSource gives them. A smoothed label keeps 1 - s of its weight and spreads s
  /// evenly (Szegedy et al. 2016); for multi-label data each label does so by itself.
  [[nodiscard]] torch::Tensor training_loss(const torch::Tensor& logits,
                                            const torch::Tensor& targets) const;

  /// The plain loss and the accuracy: neither weighted nor smoothed, so that runs compare.
  void validate(const torch::Tensor& logits, const torch::Tensor& targets,
                EpochRecord& record) const;

 private:
  bool multi_label_;
  double smoothing_;
  torch::Tensor weights_;  ///< f32 [classes]; undefined: all 1
};

}  // namespace caft
