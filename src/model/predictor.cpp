#include "caft/model/predictor.hpp"

#include "caft/core/error.hpp"
#include "core/log.hpp"
#include "model/exported_backbone.hpp"
#include "model/scoring.hpp"

namespace caft {
Backbone open_model_backbone(const Model& model, const PredictorOptions& options) {
  const Preprocessing& spec = model.preprocessing;
  BackboneOptions open;
  open.backend = options.backend.empty() ? model.backbone.backend : options.backend;
  open.precision = options.precision.value_or(model.backbone.precision);
  open.image_size = spec.height;
  open.squash = spec.mode == ResizeMode::exact;
  open.exif_orientation = spec.exif_orientation;
  open.threads = options.threads;
  open.batch = options.batch;
  open.plan = options.plan;
  if (!model.exported.empty()) {
    // What runs anywhere: the arithmetic of training where this device has it.
    const bool exact = model.backbone.precision == Precision::fp32;
    open.precision = options.precision.value_or(exact ? Precision::fp32 : Precision::automatic);
    return open_exported_backbone(model, open);
  }
  std::string card = options.card;
  if (card.empty()) {
    card = std::filesystem::exists(model.backbone.card) ? model.backbone.card.string()
                                                        : model.backbone.name;
  }
  Backbone backbone = open_backbone(card, open);
  if (backbone.card.onnx_sha256 != model.backbone.onnx_sha256) {
    throw Error(ErrorKind::mismatch,
                "the backbone " + model.backbone.name + " (" + backbone.card.onnx.string() +
                    ") is not the one that this model was trained on",
                "export that one again, or train the model again");
  }
  if (!(backbone.preprocessing == spec)) {
    throw Error(ErrorKind::mismatch,
                "the preprocessing on the card of " + model.backbone.name +
                    " is not the one that this model was trained with",
                "export the backbone again, or train the model again");
  }
  if (backbone.engine->precision() != model.backbone.precision) {
    log_warn("the backbone runs in {}, but the head was trained on {} features",
             to_string(backbone.engine->precision()), to_string(model.backbone.precision));
  }
  return backbone;
}

Predictor::Predictor(Model model, const PredictorOptions& options)
    : model_(std::move(model)), options_(options), backbone_(open_model_backbone(model_, options)) {
  if (model_.head.inputs() != static_cast<std::size_t>(backbone_.card.feature_dim)) {
    throw Error(ErrorKind::mismatch, "the head does not fit the features of " + backbone_.card.name,
                "train the model again");
  }
  if (options.coverage <= 0 && options.reject <= 0) return;
  if (model_.calibration.empty()) {
    throw Error(ErrorKind::usage,
                "the model has no calibration scores, which prediction sets and rejection need",
                model_.multi_label ? "it is multi-label: leave out --coverage and --reject"
                                   : "train it again");
  }
  least_probability_ = model_.calibration.least_probability(options.coverage);
  least_energy_ = model_.calibration.least_energy(options.reject);
}

Prediction Predictor::classify(std::span<const float> features) const {
  std::vector<float> p = row_logits(model_, features);
  Prediction prediction;
  if (!model_.multi_label) prediction.energy = energy_of(p);
  to_probabilities(model_, p);
  if (options_.coverage > 0) prediction.set = prediction_set(p, least_probability_);
  prediction.rejected = options_.reject > 0 && prediction.energy < least_energy_;
  prediction.top = top_classes(p, options_.top);
  return prediction;
}

std::vector<Prediction> Predictor::predict(const std::vector<ImageSource>& images,
                                           const std::function<void()>& done_one) const {
  std::vector<Prediction> predictions(images.size());
  const auto done = [&done_one] {
    if (done_one) done_one();
  };
  const ExtractTask task{
      .count = images.size(),
      .fetch = [&](std::size_t i) { return std::optional(read_source(images[i])); },
      .row =
          [&](std::size_t i, std::span<const float> features) {
            predictions[i] = classify(features);
            done();
          },
      .bad =
          [&](std::size_t i, const std::string& reason) {
            predictions[i].error = reason;
            done();
          }};
  extract(backbone_, task, options_.extract);
  return predictions;
}

}  // namespace caft
