// What several kernels of head training share: reductions in a fixed order, the loss of a row, the
// optimiser's step of a parameter.
#pragma once

#include <cuda_fp16.h>

#include "head/cuda/kernels.hpp"

namespace caft::cuda {

/// Reduces over a block of kThreads threads; every thread gets the result. Warps by a butterfly,
/// then their results from first to last.
template <int kThreads, typename T, typename Operation>
__device__ T block_reduce(T value, Operation operation) {
  __shared__ T slots[kThreads / 32];
  for (int mask = 16; mask > 0; mask /= 2) {
    value = operation(value, __shfl_xor_sync(0xFFFFFFFFU, value, mask));
  }
  __syncthreads();  // the slots may still be read for an earlier reduction
  if (threadIdx.x % 32 == 0) slots[threadIdx.x / 32] = value;
  __syncthreads();
  T result = slots[0];
  for (int i = 1; i < kThreads / 32; ++i) result = operation(result, slots[i]);
  return result;
}

template <int kThreads>
__device__ float block_max(float value) {
  return block_reduce<kThreads>(value, [](float a, float b) { return fmaxf(a, b); });
}
template <int kThreads, typename T>
__device__ T block_sum(T value) {
  return block_reduce<kThreads>(value, [](T a, T b) { return a + b; });
}

/// A number as the sum of two fp16: 22 bits of it, where it is not tiny.
struct TwoHalves {
  __half high, low;
};
__device__ inline TwoHalves two_halves(float value) {
  const __half high = __float2half_rn(value);
  return {high, __float2half_rn(value - __half2float(high))};
}

/// A sample's class and its weight, so that they can be read before they are needed.
struct Truth {
  std::uint32_t label = 0;
  float weight = 1;
};
__device__ inline Truth truth_of(const LossTables& tables, std::uint32_t sample) {
  if (tables.labels == nullptr) return {};
  const auto label = static_cast<std::uint32_t>(tables.labels[sample]);
  return {label, tables.weight[label]};
}

/// Loss of one row by a block, and its gradient by the logits times tables.delta_scale, zeros from
/// `classes` to `padded`. fused::Loss has the formulas. z [classes]; low may be null.
template <int kThreads>
__device__ void loss_row(const LossTables& tables, const float* z, std::uint32_t sample,
                         const Truth& truth, std::uint32_t padded, __half* high, __half* low,
                         double* row_loss) {
  const std::uint32_t classes = tables.classes;
  const auto write = [&](std::uint32_t c, float delta) {
    const TwoHalves halves = two_halves(delta * tables.delta_scale);
    high[c] = halves.high;
    if (low != nullptr) low[c] = halves.low;
  };
  if (tables.labels == nullptr) {
    const std::uint8_t* hot = tables.multi_hot + static_cast<std::size_t>(sample) * classes;
    double total = 0;
    for (std::uint32_t c = threadIdx.x; c < padded; c += kThreads) {
      float delta = 0;
      if (c < classes) {
        const float target =
            (hot[c] != 0 ? 1.0F - tables.smoothing : 0.0F) + 0.5F * tables.smoothing;
        const float positive = target * tables.weight[c];
        const float negative = (1.0F - target) * tables.negative[c];
        const float tail = log1pf(expf(-fabsf(z[c])));
        total += positive * (fmaxf(-z[c], 0.0F) + tail) + negative * (fmaxf(z[c], 0.0F) + tail);
        delta = (positive + negative) / (1.0F + expf(-z[c])) - positive;
      }
      write(c, delta);
    }
    total = block_sum<kThreads>(total);
    if (threadIdx.x == 0) *row_loss = total;
    return;
  }
  const float uniform = tables.smoothing / static_cast<float>(classes);
  float top = -INFINITY;
  for (std::uint32_t c = threadIdx.x; c < classes; c += kThreads) top = fmaxf(top, z[c]);
  top = block_max<kThreads>(top);
  float sum = 0, weighted = 0;
  for (std::uint32_t c = threadIdx.x; c < classes; c += kThreads) {
    sum += expf(z[c] - top);
    if (uniform > 0) weighted += tables.weight[c] * z[c];
  }
  sum = block_sum<kThreads>(sum);
  if (uniform > 0) weighted = block_sum<kThreads>(weighted);
  const float target = (1.0F - tables.smoothing) * truth.weight;
  const float total = target + uniform * tables.weight_sum;
  const float factor = total / sum;
  for (std::uint32_t c = threadIdx.x; c < padded; c += kThreads) {
    float delta = 0;
    if (c < classes) {
      delta = expf(z[c] - top) * factor;
      if (uniform > 0) delta -= uniform * tables.weight[c];
      if (c == truth.label) delta -= target;
    }
    write(c, delta);
  }
  if (threadIdx.x == 0) {
    const double log_sum = static_cast<double>(top) + static_cast<double>(logf(sum));
    *row_loss = target * (log_sum - z[truth.label]) +
                uniform * (tables.weight_sum * log_sum - static_cast<double>(weighted));
  }
}

/// One parameter's step by its gradient (fused::Kernels::adamw, sgd).
__device__ inline void step_parameter(const fused::Update& update, float gradient, float& weight,
                                      float& first, float& second) {
  if (update.adamw) {
    const fused::AdamWStep& s = update.adamw_step;
    first += s.one_minus_beta1 * (gradient - first);
    second = s.beta2 * second + (1.0F - s.beta2) * gradient * gradient;
    weight = weight * s.decay - s.step * first / (sqrtf(second) * s.inv_sqrt_bias2 + s.epsilon);
  } else {
    const fused::SgdStep& s = update.sgd_step;
    first = s.momentum * first + (gradient + s.weight_decay * weight);
    weight -= s.learning_rate * first;
  }
}
__device__ inline void step_parameters(const fused::Update& update, float4 gradient, float4& weight,
                                       float4& first, float4& second) {
  step_parameter(update, gradient.x, weight.x, first.x, second.x);
  step_parameter(update, gradient.y, weight.y, first.y, second.y);
  step_parameter(update, gradient.z, weight.z, first.z, second.z);
  step_parameter(update, gradient.w, weight.w, first.w, second.w);
}

}  // namespace caft::cuda
