// Predicting with a model: images in, classes out.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "caft/data/dataset.hpp"
#include "caft/extract/backbone.hpp"
#include "caft/extract/extractor.hpp"
#include "caft/model/model.hpp"

namespace caft {

struct ClassProbability {
  std::int32_t index = 0;
  double probability = 0;
};

/// Either `top` (most probable first) or `error`.
struct Prediction {
  std::vector<ClassProbability> top;
  /// With PredictorOptions::coverage: classes that hold the truth with that probability.
  std::vector<std::int32_t> set;
  bool rejected = false;  ///< by PredictorOptions::reject
  double energy = 0;      ///< of the logits; 0 when multi-label
  std::string error;
};

struct PredictorOptions {
  std::string backend;                 ///< empty: the model's
  std::optional<Precision> precision;  ///< absent: the model's
  std::string card;                    ///< another place of the backbone's card; empty: the model's
  int threads = 0;
  int batch = 0;        ///< images a request; 0: 16 on a CPU, 256 on a GPU
  int top = 5;          ///< classes reported
  double coverage = 0;  ///< of prediction sets, in (0, 1); 0: none are made
  /// Share of images like the training ones that may be rejected as unlike them; 0: none are.
  double reject = 0;
  PlanOptions plan;  ///< for engines compiled ahead of time (TensorRT)
  ExtractOptions extract;
};

/// Opens the model's own backbone and refuses any other: hash, precision and preprocessing must be
/// those that the head was trained on. Thread-safe. Throws Error(usage) when coverage or reject is
/// asked of a model without calibration (multi-label, or made before it was kept).
class Predictor {
 public:
  explicit Predictor(Model model, const PredictorOptions& options = {});

  /// Predictions in the order of `images`. A bad image is an entry with `error`.
  [[nodiscard]] std::vector<Prediction> predict(const std::vector<ImageSource>& images,
                                                const std::function<void()>& done_one = {}) const;
  [[nodiscard]] const Model& model() const { return model_; }
  [[nodiscard]] const Backbone& backbone() const { return backbone_; }

 private:
  [[nodiscard]] Prediction classify(std::span<const float> features) const;
  Model model_;
  double least_probability_ = 1, least_energy_ = 0;
  PredictorOptions options_;
  Backbone backbone_;
};

/// Opens the backbone of `model` with its preprocessing. Throws Error(mismatch) when the backbone
/// found is not the one that the head was trained on.
Backbone open_model_backbone(const Model& model, const PredictorOptions& options);

}  // namespace caft
