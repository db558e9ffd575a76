#include "export_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "caft/head/metrics.hpp"
#include "caft/model/replay.hpp"

namespace caft::cli {
namespace {

double accuracy_of(const ReplayReference& reference, const Model& model,
                   std::span<const float> probabilities) {
  const std::size_t classes = model.classes.size();
  if (!model.multi_label) {
    std::vector<std::int32_t> labels;
    labels.reserve(reference.labels.size());
    for (const auto& label : reference.labels) labels.push_back(label.at(0));
    return evaluate(probabilities, labels, classes).accuracy;
  }
  std::vector<std::uint8_t> targets(probabilities.size());
  for (std::size_t i = 0; i < reference.labels.size(); ++i) {
    for (const std::int32_t label : reference.labels[i])
      targets[i * classes + static_cast<std::size_t>(label)] = 1;
  }
  return evaluate_multi_label(probabilities, targets, classes).accuracy;
}

}  // namespace

nlohmann::json check_replay(const std::string& runtime, const ReplayReference& validated,
                            std::span<const float> reference, const Model& model,
                            std::span<const float> probabilities, const ReplayLimits& limits,
                            std::string& problem) {
  const ReplayResult result =
      compare_replay(reference, probabilities, model.classes.size(), model.multi_label);
  const double accuracy = accuracy_of(validated, model, probabilities);
  const double needed = replay_threshold(limits.precision);
  nlohmann::json json = {{"runtime", runtime},
                         {"images", validated.sources.size()},
                         {"counted", result.counted},
                         {"disagreeing", result.counted - result.agreeing},
                         {"agreement", result.agreement()},
                         {"needed", needed},
                         {"max_difference", result.max_difference},
                         {"accuracy", accuracy}};
  const double reached = validated.evaluation.metrics.accuracy;
  if (!problem.empty()) return json;
  if (result.agreement() < needed) {
    problem = fmt::format("{} disagrees with the model on {} of {} decisions that are not close",
                          runtime, result.counted - result.agreeing, result.counted);
  } else if (accuracy < reached - limits.max_accuracy_drop) {
    problem = fmt::format("in {} the file reaches an accuracy of {:.4f}, the model {:.4f}", runtime,
                          accuracy, reached);
  }
  return json;
}

}  // namespace caft::cli
