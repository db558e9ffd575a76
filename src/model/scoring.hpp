// From one row of features to class probabilities.
#pragma once

#include <span>
#include <vector>

#include "caft/model/model.hpp"
#include "caft/model/predictor.hpp"

namespace caft {

/// Logits [classes] of one image's features, rounded as the cache of the head's training had them.
/// Thread-safe.
std::vector<float> row_logits(const Model& model, std::span<const float> features);

/// Logits to probabilities, in place, by the model's temperature.
void to_probabilities(const Model& model, std::span<float> logits);

/// Probabilities [classes] of one image's features, as training, evaluation and prediction have
/// them. Thread-safe.
std::vector<float> row_probabilities(const Model& model, std::span<const float> features);

/// The `count` most probable classes, most probable first; of equal ones the lower index.
std::vector<ClassProbability> top_classes(std::span<const float> probabilities, int count);

}  // namespace caft
