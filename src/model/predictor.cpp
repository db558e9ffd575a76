#include "caft/model/predictor.hpp"

#include <algorithm>
#include <numeric>

#include "caft/core/error.hpp"
#include "caft/head/metrics.hpp"
#include "core/log.hpp"

namespace caft {
namespace {

/// Features as they come back from the cache that the head was trained on.
std::vector<float> rounded(std::span<const float> features, DType dtype) {
  std::vector<float> result(features.begin(), features.end());
  if (dtype == DType::f16) {
    std::vector<std::uint16_t> half(features.size());
    float_to_half(features.data(), half.data(), half.size());
    half_to_float(half.data(), result.data(), half.size());
  }
  return result;
}

}  // namespace

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
  std::vector<float> p = model_.head.logits(rounded(features, model_.feature_dtype), 1);
  Prediction prediction;
  if (model_.multi_label) {
    sigmoid_all(p, model_.temperature);
  } else {
    prediction.energy = energy_of(p);
    softmax_rows(p, p.size(), model_.temperature);
  }
  std::vector<std::int32_t> order(p.size());
  std::iota(order.begin(), order.end(), 0);
  const auto count =
      std::min<std::size_t>(order.size(), static_cast<std::size_t>(std::max(1, options_.top)));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&p](std::int32_t a, std::int32_t b) {
                      const float pa = p[static_cast<std::size_t>(a)];
                      const float pb = p[static_cast<std::size_t>(b)];
                      return pa != pb ? pa > pb : a < b;
                    });
  if (options_.coverage > 0) prediction.set = prediction_set(p, least_probability_);
  prediction.rejected = options_.reject > 0 && prediction.energy < least_energy_;
  for (std::size_t i = 0; i < count; ++i) {
    prediction.top.push_back({order[i], p[static_cast<std::size_t>(order[i])]});
  }
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
