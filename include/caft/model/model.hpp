// The model folder: a trained classifier and all that is needed to predict with it again.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "caft/engine/engine.hpp"
#include "caft/head/head.hpp"
#include "caft/image/preprocess.hpp"
#include "caft/model/conformal.hpp"

namespace caft {

/// The frozen backbone that a head was trained on. A head means nothing on any other features, so
/// the hash is checked each time the model is opened.
struct BackboneReference {
  std::string name;
  std::filesystem::path
      card;  ///< absolute, where it was at training; else the store's NAME is tried
  std::string onnx_sha256;
  Precision precision = Precision::fp32;  ///< that the head was trained on
  std::string backend;
};

/// A classifier: model.json and head.safetensors in a folder. A value; copies are independent.
struct Model {
  std::vector<std::string> classes;
  bool multi_label = false;
  Preprocessing preprocessing;
  BackboneReference backbone;
  DType feature_dtype = DType::f16;  ///< features are rounded to it, at training and at prediction
  Head head;
  std::filesystem::path exported;  ///< the ONNX file by export_onnx() that this was loaded from,
                                   ///< which has its backbone
  double temperature = 1;          ///< logits are divided by it before softmax (or sigmoid)
  ConformalScores calibration;     ///< empty when multi-label, and in models of before it was kept
  nlohmann::json data;             ///< the data set: name, path, samples, and how it was split
  nlohmann::json training;         ///< configuration, history and details
  nlohmann::json metrics;          ///< what the choices were made on: accuracy, macro_f1, ece …

  /// Publishes the folder: built beside it, then renamed; a model that is there is replaced whole.
  /// Throws Error(usage) when the folder exists and holds something else.
  void save(const std::filesystem::path& folder) const;
  /// Throws Error(not_found), or Error(bad_input) naming file and field.
  static Model load(const std::filesystem::path& folder);
};

}  // namespace caft
