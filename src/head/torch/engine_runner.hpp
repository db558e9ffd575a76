// Runs an engine on torch tensors.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>

#include "caft/engine/engine.hpp"

namespace caft {

/// One context of a CPU engine, with one input and one output of it. Not thread-safe; it shares the
/// engine's ownership.
class EngineRunner {
 public:
  /// Empty names mean the only input or output. Throws Error(usage) when there is no such one, when
  /// its type or shape is none that images or features have, or when the engine is not on the CPU.
  EngineRunner(std::shared_ptr<Engine> engine, const std::string& input, const std::string& output);

  /// f32 [N, D] of images [N, …], which must fit the engine's input in dtype and shape; N ≥ 1 is
  /// cut into batches that the engine takes. Throws Error(usage).
  torch::Tensor run(const torch::Tensor& images);

  /// D: the output's values for one image.
  [[nodiscard]] std::int64_t feature_dim() const { return feature_dim_; }

 private:
  void check(const torch::Tensor& images) const;
  void infer(const torch::Tensor& images, const torch::Tensor& features);

  std::shared_ptr<Engine> engine_;
  std::unique_ptr<Context> context_;  // dies before the engine
  TensorInfo input_, output_;
  torch::ScalarType input_type_, output_type_;
  std::int64_t feature_dim_ = 1;
};

}  // namespace caft
