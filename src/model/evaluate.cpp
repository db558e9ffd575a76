#include "caft/model/evaluate.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "caft/core/error.hpp"
#include "caft/model/fit.hpp"
#include "core/log.hpp"
#include "model/feature_logits.hpp"

namespace caft {
namespace {

/// Wilson (1927) score interval at 95 %.
void wilson(double accuracy, double n, double& low, double& high) {
  constexpr double z = 1.959963984540054;
  const double centre = accuracy + z * z / (2 * n);
  const double half = z * std::sqrt(accuracy * (1 - accuracy) / n + z * z / (4 * n * n));
  low = (centre - half) / (1 + z * z / n);
  high = (centre + half) / (1 + z * z / n);
}

std::vector<Mistake> find_mistakes(std::span<const float> probabilities,
                                   std::span<const std::int32_t> labels,
                                   std::span<const std::size_t> samples, std::size_t classes) {
  std::vector<Mistake> mistakes;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto row = probabilities.subspan(i * classes, classes);
    const auto best = std::ranges::max_element(row) - row.begin();
    if (best == labels[i]) continue;
    mistakes.push_back({samples[i], labels[i], static_cast<std::int32_t>(best),
                        row[static_cast<std::size_t>(best)]});
  }
  std::ranges::stable_sort(mistakes, std::ranges::greater{}, &Mistake::probability);
  return mistakes;
}

/// Prediction sets and energies against the truth.
void judge_doubts(const Model& model, std::span<const float> logits,
                  std::span<const float> probabilities, std::span<const std::int32_t> labels,
                  Evaluation& result) {
  const std::size_t classes = model.classes.size();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = probabilities.subspan(i * classes, classes);
    const bool right = std::ranges::max_element(row) - row.begin() == labels[i];
    (right ? result.energy_right : result.energy_wrong)
        .push_back(energy_of(logits.subspan(i * classes, classes)));
  }
  if (model.calibration.empty()) return;
  const auto n = static_cast<double>(labels.size());
  for (const double asked : {0.8, 0.9, 0.95}) {
    Evaluation::Coverage coverage{.asked = asked};
    const double least = model.calibration.least_probability(asked);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto set = prediction_set(probabilities.subspan(i * classes, classes), least);
      coverage.got += std::ranges::find(set, labels[i]) != set.end() ? 1 / n : 0;
      coverage.mean_size += static_cast<double>(set.size()) / n;
    }
    result.coverage.push_back(coverage);
  }
}

}  // namespace

std::vector<std::int32_t> class_mapping(const Model& model, const Dataset& dataset) {
  std::unordered_map<std::string, std::int32_t> index;
  for (std::size_t c = 0; c < model.classes.size(); ++c) {
    index[model.classes[c]] = static_cast<std::int32_t>(c);
  }
  std::vector<std::int32_t> mapping;
  mapping.reserve(dataset.classes.size());
  for (const std::string& name : dataset.classes) {
    const auto found = index.find(name);
    if (found == index.end()) {
      throw Error(ErrorKind::mismatch,
                  "the data set " + dataset.name + " has the class \"" + name +
                      "\", which the model does not know",
                  "evaluate on the classes that it was trained on");
    }
    mapping.push_back(found->second);
  }
  return mapping;
}

std::vector<float> cached_logits(const Model& model, const CachedDataset& cached,
                                 std::span<const std::size_t> samples) {
  std::vector<SampleKey> keys;
  keys.reserve(samples.size());
  for (const std::size_t i : samples) keys.push_back(cached.keys.at(i).value());
  const FeatureMatrix features = cached.cache.read(keys);
  return feature_logits(model.head,
                        {.data = features.data.get(),
                         .dtype = features.dtype,
                         .rows = features.rows,
                         .dim = features.dim},
                        features.row_of);
}

Evaluation evaluate_model(const Model& model, const Dataset& dataset, const CachedDataset& cached,
                          std::span<const std::size_t> asked) {
  const std::vector<std::int32_t> mapping = class_mapping(model, dataset);
  std::vector<std::size_t> samples;
  for (const std::size_t i : asked) {
    if (cached.keys[i]) samples.push_back(i);
  }
  if (samples.empty()) {
    throw Error(ErrorKind::not_found, dataset.name + " has no readable image to score");
  }
  const std::size_t classes = model.classes.size();
  const std::vector<float> logits = cached_logits(model, cached, samples);
  std::vector<float> probabilities = logits, uncalibrated = logits;
  Evaluation result;
  if (model.multi_label) {
    std::vector<std::uint8_t> targets(samples.size() * classes);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      for (const std::int32_t label : dataset.samples[samples[i]].labels) {
        targets[i * classes + static_cast<std::size_t>(mapping[static_cast<std::size_t>(label)])] =
            1;
      }
    }
    sigmoid_all(probabilities, model.temperature);
    sigmoid_all(uncalibrated);
    result.metrics = evaluate_multi_label(probabilities, targets, classes);
    result.ece_uncalibrated = evaluate_multi_label(uncalibrated, targets, classes).ece;
  } else {
    std::vector<std::int32_t> labels;
    labels.reserve(samples.size());
    for (const std::size_t i : samples) {
      labels.push_back(mapping[static_cast<std::size_t>(dataset.samples[i].labels.at(0))]);
    }
    softmax_rows(probabilities, classes, model.temperature);
    softmax_rows(uncalibrated, classes);
    result.metrics = evaluate(probabilities, labels, classes);
    result.ece_uncalibrated = evaluate(uncalibrated, labels, classes).ece;
    judge_doubts(model, logits, probabilities, labels, result);
    result.mistakes = find_mistakes(probabilities, labels, samples, classes);
  }
  wilson(result.metrics.accuracy, static_cast<double>(samples.size()), result.accuracy_low,
         result.accuracy_high);
  return result;
}

std::vector<std::size_t> samples_to_score(const Model& model, Dataset& dataset,
                                          const std::filesystem::path& path,
                                          const std::string& split) {
  const std::string here = std::filesystem::absolute(path).lexically_normal().string();
  const bool trained_on = model.data.value("path", "") == here;
  const nlohmann::json how = model.data.value("split", nlohmann::json::object());
  const bool unsplit = std::ranges::all_of(
      dataset.samples, [](const Sample& sample) { return sample.split == Split::none; });
  if (unsplit && trained_on && split != "all" && how.value("source", "") == "held out") {
    if (model.data.at("samples") != dataset.samples.size()) {
      throw Error(
          ErrorKind::mismatch,
          here + " has changed since training, so its held-out images are not known any more",
          "train again, or score everything with --split all");
    }
    apply_hold_out(dataset, {.fraction = how.at("fraction"), .seed = how.at("seed")});
  }
  std::vector<std::size_t> samples;
  if (split == "all" || (split.empty() && unsplit && !trained_on)) {
    samples.resize(dataset.samples.size());
    std::iota(samples.begin(), samples.end(), std::size_t{0});
  } else if (!split.empty()) {
    samples = dataset.of_split(split_from_string(split));
  } else {
    samples = dataset.of_split(Split::test);
    if (samples.empty()) {
      samples = dataset.of_split(Split::val);
      if (!samples.empty() && trained_on) {
        log_warn("scoring the val split, on which choices were made: {} has no test split", here);
      }
    }
  }
  if (samples.empty()) {
    throw Error(ErrorKind::not_found,
                here + " has no " + (split.empty() ? "test or val" : split) + " images",
                "name a split with --split, or use --split all");
  }
  return samples;
}

}  // namespace caft
