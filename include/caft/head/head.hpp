// Heads: what is trained on cached features. Prediction needs no LibTorch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "caft/core/dtype.hpp"

namespace caft {

/// One affine layer: y = weight x + bias.
struct DenseLayer {
  std::size_t inputs = 0, outputs = 0;
  std::vector<float> weight;  ///< [outputs, inputs], row-major
  std::vector<float> bias;    ///< [outputs]
};

/// A trained head: dense layers with ReLU between them (one layer: linear; two: mlp; three: vgg).
/// Standardisation of the features is already folded into the first layer, and dropout is gone.
struct Head {
  std::string kind = "linear";  ///< "linear", "mlp", "vgg" or a user's name
  std::vector<DenseLayer> layers;
  [[nodiscard]] std::size_t inputs() const { return layers.front().inputs; }
  [[nodiscard]] std::size_t classes() const { return layers.back().outputs; }

  /// logits [rows, classes] of features [rows, inputs], both f32 row-major. Thread-safe.
  [[nodiscard]] std::vector<float> logits(std::span<const float> features, std::size_t rows) const;

  /// safetensors with tensors layers.N.weight / layers.N.bias f32 and metadata {"format":
  /// "caft-head-1", "kind"}.
  void save(const std::filesystem::path& file) const;
  /// Throws Error(bad_input) on anything that is not such a file.
  static Head load(const std::filesystem::path& file);
};

/// Features as the cache hands them out, not owned: [rows, dim] f32 or f16, packed.
struct FeatureView {
  const void* data = nullptr;
  DType dtype = DType::f32;
  std::size_t rows = 0, dim = 0;
};

}  // namespace caft
