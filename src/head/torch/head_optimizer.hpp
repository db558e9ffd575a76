// The optimiser of the torch trainer: LibTorch's rules in one pass over memory.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "caft/head/trainer.hpp"

namespace caft {

/// AdamW or SGD with momentum over f32 CPU parameters. Its state is a list of named tensors and a
/// step count, so that a checkpoint holds it exactly. Not thread-safe.
class HeadOptimizer {
 public:
  using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

  /// Keeps those of `parameters` that require a gradient.
  HeadOptimizer(const NamedTensors& parameters, const TrainConfig& config);

  void zero_grad();
  /// Parameters without a gradient are left alone.
  void step(double learning_rate);

  /// Views of the state, "optimizer.moment.NAME" and, for AdamW, "optimizer.square.NAME".
  [[nodiscard]] NamedTensors state() const;
  [[nodiscard]] std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }

 private:
  struct Slot {
    std::string name;
    torch::Tensor parameter, moment, square;
  };
  std::vector<Slot> slots_;
  Optimizer kind_;
  double weight_decay_, momentum_;
  std::int64_t steps_ = 0;
};

}  // namespace caft
