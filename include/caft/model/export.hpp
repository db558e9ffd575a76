// One ONNX file that predicts what the model does, without caft.
#pragma once

#include <filesystem>
#include <string>

#include "caft/model/model.hpp"
#include "caft/zoo/card.hpp"

namespace caft {

struct ExportOptions {
  bool half = false;   ///< the backbone computes in f16, typed in the graph; the head stays f32
  bool uint8 = false;  ///< the input is u8 [batch, height, width, 3] RGB, normalised inside
};

/// Backbone, head and softmax (multi-label: sigmoid) with the temperature in one serialised ONNX
/// model: input as the backbone's own (f32 [batch, 3, height, width], normalised) or, with `uint8`,
/// pixels; output f32 `probabilities` [batch, classes]. Its metadata_props hold `caft.format`,
/// `classes` (a JSON array), `multi_label`, `preprocessing`, `input`, `temperature`, `precision`
/// (of the arithmetic that the head was trained on), `features` (the tensor that the head reads),
/// `feature_dtype` and `provenance` (JSON). The same model and
/// options give the same bytes. Throws Error(mismatch) when `card` is not the model's backbone.
std::string export_onnx(const Model& model, const BackboneCard& card, const ExportOptions& options);

/// A model from a file that export_onnx() made. Its head is taken off the graph again and runs in
/// f32 whatever the engine computes in, so that it predicts as the model folder does. Throws
/// Error(not_found | bad_input).
Model load_exported(const std::filesystem::path& file);

/// A model folder, or a file by export_onnx() (*.onnx).
Model open_model(const std::filesystem::path& path);

}  // namespace caft
