#include "head/torch/head_optimizer.hpp"

#include <ATen/Parallel.h>

#include "caft/core/error.hpp"
#include "head/torch/adamw_kernel.hpp"

namespace caft {
namespace {
constexpr std::int64_t kGrain =
    1 << 15;  // values: 128 KiB an array, so small layers stay on one core
}

HeadOptimizer::HeadOptimizer(const NamedTensors& parameters, const TrainConfig& config)
    : kind_(config.optimizer), weight_decay_(config.weight_decay), momentum_(config.momentum) {
  for (const auto& [name, parameter] : parameters) {
    if (!parameter.requires_grad()) continue;
    if (parameter.scalar_type() != torch::kFloat || !parameter.device().is_cpu() ||
        !parameter.is_contiguous()) {
      throw Error(ErrorKind::usage,
                  "the module's parameter " + name + " is not packed f32 on the CPU",
                  "convert the module with to(torch::kCPU, torch::kFloat) before training");
    }
    Slot slot{name, parameter, torch::zeros_like(parameter), {}};
    if (kind_ == Optimizer::adamw) slot.square = torch::zeros_like(parameter);
    slots_.push_back(std::move(slot));
  }
  if (slots_.empty()) {
    throw Error(ErrorKind::usage, "the module has no parameter that requires a gradient");
  }
}

void HeadOptimizer::zero_grad() {
  // Dropping the tensor lets the backward pass hand over its own, without an addition.
  for (Slot& slot : slots_) slot.parameter.mutable_grad().reset();
}

void HeadOptimizer::step(double learning_rate) {
  ++steps_;
  for (Slot& slot : slots_) {
    if (!slot.parameter.grad().defined()) continue;
    const torch::Tensor gradient = slot.parameter.grad().contiguous();
    auto* parameter = static_cast<float*>(slot.parameter.data_ptr());
    auto* moment = static_cast<float*>(slot.moment.data_ptr());
    const auto* slope = static_cast<const float*>(gradient.data_ptr());
    if (kind_ == Optimizer::adamw) {
      auto* square = static_cast<float*>(slot.square.data_ptr());
      const AdamWStep how{learning_rate, weight_decay_, steps_};
      at::parallel_for(0, gradient.numel(), kGrain, [&](std::int64_t from, std::int64_t to) {
        adamw_update(parameter + from, slope + from, moment + from, square + from, to - from, how);
      });
    } else {
      at::parallel_for(0, gradient.numel(), kGrain, [&](std::int64_t from, std::int64_t to) {
        sgd_update(parameter + from, slope + from, moment + from, to - from, learning_rate,
                   momentum_, weight_decay_);
      });
    }
  }
}

HeadOptimizer::NamedTensors HeadOptimizer::state() const {
  NamedTensors tensors;
  for (const Slot& slot : slots_) {
    tensors.emplace_back("optimizer.moment." + slot.name, slot.moment);
    if (slot.square.defined()) tensors.emplace_back("optimizer.square." + slot.name, slot.square);
  }
  return tensors;
}

}  // namespace caft
