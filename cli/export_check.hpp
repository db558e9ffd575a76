// The validation images, replayed through an exported file.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "caft/data/dataset.hpp"
#include "caft/extract/backbone.hpp"
#include "caft/model/evaluate.hpp"
#include "caft/model/model.hpp"

namespace caft::cli {

/// What the model said of the images, and the images themselves.
struct ReplayReference {
  std::vector<ImageSource> sources;               ///< readable ones
  std::vector<float> probabilities;               ///< [sources, classes]
  std::vector<std::vector<std::int32_t>> labels;  ///< in the model's classes
  Evaluation evaluation;                          ///< as caft eval has it
  Precision precision = Precision::fp32;          ///< that the backbone ran in
};

struct ReplayLimits {
  Precision precision = Precision::fp32;  ///< of the less exact of the two sides
  double max_accuracy_drop = 0.01;
};

/// One runtime's replay: {"runtime", "images", "agreement", "counted", "disagreeing",
/// "max_difference", "accuracy", "needed"}. `probabilities` are compared with `reference`, what the
/// model says in that arithmetic, and by accuracy with what was validated. Where the file may not
/// be written, `problem` says why, unless it says something already.
nlohmann::json check_replay(const std::string& runtime, const ReplayReference& validated,
                            std::span<const float> reference, const Model& model,
                            std::span<const float> probabilities, const ReplayLimits& limits,
                            std::string& problem);

}  // namespace caft::cli
