#include "caft/model/fit.hpp"

#include <algorithm>
#include <set>

#include "caft/core/error.hpp"
#include "model/feature_logits.hpp"
#include "model/gather.hpp"

namespace caft {
namespace {

void require_two_classes(const Dataset& dataset, const Gathered& gathered) {
  if (gathered.train.empty()) {
    throw Error(ErrorKind::bad_input, dataset.name + " has no readable training image");
  }
  if (dataset.multi_label) return;
  std::set<std::int32_t> seen;
  for (const std::uint32_t i : gathered.train) seen.insert(gathered.labels[i]);
  if (seen.size() < 2) {
    throw Error(ErrorKind::bad_input,
                dataset.name + " has training images of one class only (" +
                    dataset.classes[static_cast<std::size_t>(*seen.begin())] + ")",
                "a classifier needs at least two");
  }
}

/// Metrics of some of the gathered samples, given their logits in the same order.
Metrics score(const Gathered& gathered, std::span<const std::uint32_t> samples,
              std::vector<float> logits, std::size_t classes, double temperature) {
  if (gathered.multi_hot.empty()) {
    std::vector<std::int32_t> labels;
    labels.reserve(samples.size());
    for (const std::uint32_t i : samples) labels.push_back(gathered.labels[i]);
    softmax_rows(logits, classes, temperature);
    return evaluate(logits, labels, classes);
  }
  std::vector<std::uint8_t> targets;
  for (const std::uint32_t i : samples) {
    const auto from = gathered.multi_hot.begin() + static_cast<std::ptrdiff_t>(i * classes);
    targets.insert(targets.end(), from, from + static_cast<std::ptrdiff_t>(classes));
  }
  sigmoid_all(logits, temperature);
  return evaluate_multi_label(logits, targets, classes);
}

}  // namespace

nlohmann::json apply_hold_out(Dataset& dataset, const HoldOut& hold_out) {
  const bool has_splits = std::ranges::any_of(
      dataset.samples, [](const Sample& sample) { return sample.split != Split::none; });
  if (has_splits) return {{"source", "data set"}};
  stratified_split(dataset, hold_out.fraction, hold_out.seed, Split::test);
  return {{"source", "held out"}, {"fraction", hold_out.fraction}, {"seed", hold_out.seed}};
}

FitResult fit_model(const Dataset& dataset, const CachedDataset& cached, const Backbone& backbone,
                    const TrainConfig& config, ProgressSink* progress) {
  const Gathered gathered = gather(dataset, cached);
  require_two_classes(dataset, gathered);
  const std::size_t classes = dataset.classes.size();
  const FeatureView view = gathered.view();
  const TrainingData data = gathered.training_data();
  FitResult result;
  result.outcome = make_trainer(config.head)->train(data, config, progress);
  if (progress != nullptr) progress->finish();
  const TrainOutcome& outcome = result.outcome;

  std::vector<std::uint32_t> rows;
  rows.reserve(gathered.train.size());
  for (const std::uint32_t i : gathered.train) rows.push_back(gathered.features.row_of[i]);
  result.train = score(gathered, gathered.train, feature_logits(outcome.head, view, rows), classes,
                       outcome.temperature);
  if (!outcome.scored.empty()) {
    result.validation =
        score(gathered, outcome.scored, outcome.scored_logits, classes, outcome.temperature);
  }

  Model& model = result.model;
  model.classes = dataset.classes;
  model.multi_label = dataset.multi_label;
  model.preprocessing = backbone.preprocessing;
  model.backbone = {.name = backbone.card.name,
                    .card = backbone.card.onnx.parent_path() / "card.json",
                    .onnx_sha256 = backbone.card.onnx_sha256,
                    .precision = backbone.engine->precision(),
                    .backend = backbone.backend};
  model.feature_dtype = gathered.features.dtype;
  model.head = outcome.head;
  model.temperature = outcome.temperature;
  if (!dataset.multi_label && !outcome.scored.empty()) {
    std::vector<std::int32_t> labels;
    labels.reserve(outcome.scored.size());
    for (const std::uint32_t i : outcome.scored) labels.push_back(gathered.labels[i]);
    model.calibration = {outcome.scored_logits, labels, classes, outcome.temperature};
  }
  model.data = {{"name", dataset.name},
                {"samples", dataset.samples.size()},
                {"train", gathered.train.size()},
                {"val", gathered.val.size()}};
  model.metrics = {{"accuracy", result.validation.accuracy},
                   {"macro_f1", result.validation.macro_f1},
                   {"ece", result.validation.ece},
                   {"loss", result.validation.loss},
                   {"samples", outcome.scored.size()}};
  return result;
}

}  // namespace caft
