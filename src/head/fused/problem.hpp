// The training problem: checks of what comes from outside, and splits inside the training part.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "caft/head/trainer.hpp"

namespace caft::fused {

/// Throws Error(usage) on a configuration that makes no sense.
void check_config(const TrainConfig& config);

/// Throws Error(usage) on arguments that contradict each other, Error(bad_input) on data that
/// cannot be learnt from. Features are checked where they are read, in StandardizedFeatures.
void check_data(const TrainingData& data);

/// The class that each of `samples` is stratified by: its label; of a multi-label sample the label
/// that is rarest among `samples`, or `classes` when it has none.
std::vector<std::int32_t> strata(const TrainingData& data, std::span<const std::uint32_t> samples);

/// The training samples in two: what is learnt from, and what choices are made on.
struct Parts {
  std::vector<std::uint32_t> train, val;
};
/// `val` as it was given or, without one and from twenty samples on, a stratified tenth of `train`;
/// a class whose samples would all be held out stays whole.
Parts split_parts(const TrainingData& data, std::uint64_t seed);

/// Cross-entropy and accuracy of logits, natural log, without weights or smoothing. Multi-label:
/// mean over samples and labels, and subset accuracy.
struct Score {
  double loss = 0, accuracy = 0;
};
Score score(const TrainingData& data, std::span<const std::uint32_t> samples,
            std::span<const float> logits);

/// The temperature that suits `logits` of `samples`; 1 when there are none.
double temperature_of(const TrainingData& data, std::span<const std::uint32_t> samples,
                      std::span<const float> logits);

}  // namespace caft::fused
