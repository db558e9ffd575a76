// What a training run refuses before it starts.
#pragma once

#include "caft/head/trainer.hpp"

namespace caft {

/// Throws Error(usage) when spans disagree in length, an index leaves its range or an option makes
/// no sense, Error(bad_input) when all training samples are of one class. Features are not looked
/// at.
void check_training(const TrainingData& data, const TrainConfig& config);

}  // namespace caft
