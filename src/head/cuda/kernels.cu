// Everything but the small linear step: element-wise kernels around cuBLAS's products.
#include "head/cuda/kernels.hpp"

#include "head/cuda/device_math.cuh"
#include "head/cuda/launch.cuh"
#include "head/fused/random.hpp"

namespace caft::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kRowThreads = 128;

__device__ float clamp_to_half(float value) { return fminf(fmaxf(value, -65504.0F), 65504.0F); }

template <typename Raw>
__device__ float raw_value(Raw value) {
  return static_cast<float>(value);
}
template <>
__device__ float raw_value(__half value) {
  return __half2float(value);
}

template <typename Raw>
__global__ void standardize_kernel(const Raw* raw, std::uint32_t dim, std::uint32_t stride,
                                   const float* mean, const float* scale, __half* out) {
  const std::size_t row = blockIdx.x;
  for (std::uint32_t i = threadIdx.x; i < stride; i += kThreads) {
    float value = i == dim ? 1.0F : 0.0F;
    if (i < dim) value = clamp_to_half((raw_value(raw[row * dim + i]) - mean[i]) * scale[i]);
    out[row * stride + i] = __float2half_rn(value);
  }
}

__global__ void gather_kernel(const __half* features, std::uint32_t stride,
                              const std::uint32_t* index, __half* out) {
  const std::uint32_t pieces = stride / 8;
  const auto* from = reinterpret_cast<const uint4*>(
      features + static_cast<std::size_t>(index[blockIdx.x]) * stride);
  auto* to = reinterpret_cast<uint4*>(out + static_cast<std::size_t>(blockIdx.x) * stride);
  for (std::uint32_t i = threadIdx.x; i < pieces; i += kRowThreads) to[i] = from[i];
}

__global__ void gather_f32_kernel(const __half* features, std::uint32_t stride,
                                  const std::uint32_t* index, float* out) {
  const __half* from = features + static_cast<std::size_t>(index[blockIdx.x]) * stride;
  float* to = out + static_cast<std::size_t>(blockIdx.x) * stride;
  for (std::uint32_t i = threadIdx.x; i < stride; i += kThreads) to[i] = __half2float(from[i]);
}

/// The CPU kernels' integer hash: the bits a hidden unit's fate is decided by.
__device__ std::uint32_t mix(std::uint32_t x) {
  x ^= x >> 16;
  x *= 0x85ebca6bU;
  x ^= x >> 13;
  x *= 0xc2b2ae35U;
  return x ^ x >> 16;
}

__global__ void relu_dropout_kernel(const float* hidden, std::uint32_t ld, std::uint32_t width,
                                    std::uint32_t stride, const StepControl* control,
                                    std::uint32_t threshold, float keep_scale, __half* out) {
  const std::size_t row = blockIdx.x;
  fused::Random random(control->dropout_key, fused::Random::Stream::dropout, row);
  const auto key = static_cast<std::uint32_t>(random.next());
  for (std::uint32_t i = threadIdx.x; i < stride; i += kThreads) {
    float value = i == width ? 1.0F : 0.0F;
    if (i < width) {
      value = fmaxf(hidden[row * ld + i], 0.0F) * keep_scale;
      if (mix(key + i) < threshold) value = 0;
      value = clamp_to_half(value);
    }
    out[row * stride + i] = __float2half_rn(value);
  }
}

__global__ void relu_f32_kernel(float* hidden, std::uint32_t width, std::uint32_t stride) {
  float* row = hidden + static_cast<std::size_t>(blockIdx.x) * stride;
  for (std::uint32_t i = threadIdx.x; i < stride; i += kThreads) {
    row[i] = i < width ? fmaxf(row[i], 0.0F) : (i == width ? 1.0F : 0.0F);
  }
}

__global__ void relu_dropout_backward_kernel(const float* grad, const __half* activation,
                                             std::uint32_t stride, std::uint32_t width,
                                             std::uint32_t ld, float keep_scale, __half* out) {
  const std::size_t row = blockIdx.x;
  for (std::uint32_t i = threadIdx.x; i < ld; i += kThreads) {
    float value = 0;
    if (i < width && __half2float(activation[row * stride + i]) > 0) {
      value = clamp_to_half(grad[row * ld + i] * keep_scale);
    }
    out[row * ld + i] = __float2half_rn(value);
  }
}

__global__ void loss_kernel(LossTables tables, const float* logits, std::uint32_t ld,
                            const std::uint32_t* samples, __half* delta, double* row_loss) {
  const std::size_t row = blockIdx.x;
  const std::uint32_t sample = samples[row];
  loss_row<kRowThreads>(tables, logits + row * ld, sample, truth_of(tables, sample), ld,
                        delta + row * ld, nullptr, row_loss + row);
}

struct alignas(8) FourHalves {
  __half x, y, z, w;
};

__global__ void update_kernel(DeviceLayer layer, const float* gradient,
                              const StepControl* control) {
  const std::size_t count = static_cast<std::size_t>(layer.outputs) * layer.stride / 4;
  const std::size_t i = static_cast<std::size_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= count) return;
  const StepControl step = *control;
  auto* weights = reinterpret_cast<float4*>(layer.weight);
  auto* firsts = reinterpret_cast<float4*>(layer.first);
  auto* seconds = reinterpret_cast<float4*>(layer.second);
  float4 g = reinterpret_cast<const float4*>(gradient)[i];
  g.x *= step.gradient_scale;
  g.y *= step.gradient_scale;
  g.z *= step.gradient_scale;
  g.w *= step.gradient_scale;
  float4 w = weights[i], m = firsts[i], v = seconds[i];
  step_parameters(step.update, g, w, m, v);
  weights[i] = w;
  firsts[i] = m;
  if (step.update.adamw) seconds[i] = v;
  reinterpret_cast<FourHalves*>(layer.half)[i] = {__float2half_rn(w.x), __float2half_rn(w.y),
                                                  __float2half_rn(w.z), __float2half_rn(w.w)};
}

__global__ void round_kernel(DeviceLayer layer) {
  const std::size_t count = static_cast<std::size_t>(layer.outputs) * layer.stride;
  const std::size_t i = static_cast<std::size_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < count) layer.half[i] = __float2half_rn(layer.weight[i]);
}

__global__ void score_kernel(LossTables tables, const float* logits, std::uint32_t ld,
                             const std::uint32_t* samples, double* row_loss, double* row_right) {
  const float* z = logits + static_cast<std::size_t>(blockIdx.x) * ld;
  const std::uint32_t sample = samples[blockIdx.x];
  const std::uint32_t classes = tables.classes;
  if (tables.labels == nullptr) {
    const std::uint8_t* truth = tables.multi_hot + static_cast<std::size_t>(sample) * classes;
    double sum = 0;
    float wrong = 0;
    for (std::uint32_t c = threadIdx.x; c < classes; c += kRowThreads) {
      const bool set = truth[c] != 0;
      const float against = set ? -z[c] : z[c];
      sum += fmaxf(against, 0.0F) + log1pf(expf(-fabsf(against)));
      if ((z[c] >= 0) != set) wrong = 1;
    }
    sum = block_sum<kRowThreads>(sum);
    wrong = block_max<kRowThreads>(wrong);
    if (threadIdx.x != 0) return;
    row_loss[blockIdx.x] = sum / classes;
    row_right[blockIdx.x] = wrong > 0 ? 0 : 1;
    return;
  }
  float top = -INFINITY;
  for (std::uint32_t c = threadIdx.x; c < classes; c += kRowThreads) top = fmaxf(top, z[c]);
  top = block_max<kRowThreads>(top);
  float sum = 0, at = -INFINITY;  // minus the first class that has the top logit
  for (std::uint32_t c = threadIdx.x; c < classes; c += kRowThreads) {
    sum += expf(z[c] - top);
    if (z[c] == top) at = fmaxf(at, -static_cast<float>(c));
  }
  sum = block_sum<kRowThreads>(sum);
  at = block_max<kRowThreads>(at);
  if (threadIdx.x != 0) return;
  const auto truth = static_cast<std::uint32_t>(tables.labels[sample]);
  row_loss[blockIdx.x] = static_cast<double>(logf(sum)) + top - z[truth];
  row_right[blockIdx.x] = at == -static_cast<float>(truth) ? 1 : 0;
}

__global__ void partial_sums_kernel(const double* values, std::uint64_t count, double* out) {
  double sum = 0;
  for (std::uint64_t i = blockIdx.x * kThreads + threadIdx.x; i < count;
       i += static_cast<std::uint64_t>(kSumParts) * kThreads) {
    sum += values[i];
  }
  sum = block_sum<kThreads>(sum);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

dim3 blocks_for(std::size_t items) {
  return dim3(static_cast<unsigned>((items + kThreads - 1) / kThreads));
}

}  // namespace

void standardize(const void* raw, bool raw_is_f16, std::uint32_t rows, std::uint32_t dim,
                 std::uint32_t stride, const float* mean, const float* scale, __half* out,
                 cudaStream_t stream) {
  if (raw_is_f16) {
    launch("standardize", standardize_kernel<__half>, dim3(rows), kThreads, stream, false,
           static_cast<const __half*>(raw), dim, stride, mean, scale, out);
  } else {
    launch("standardize", standardize_kernel<float>, dim3(rows), kThreads, stream, false,
           static_cast<const float*>(raw), dim, stride, mean, scale, out);
  }
}

void gather(const __half* features, std::uint32_t stride, const std::uint32_t* index,
            std::uint32_t rows, __half* out, cudaStream_t stream) {
  launch("gather", gather_kernel, dim3(rows), kRowThreads, stream, false, features, stride, index,
         out);
}

void gather_f32(const __half* features, std::uint32_t stride, const std::uint32_t* index,
                std::uint32_t rows, float* out, cudaStream_t stream) {
  launch("gather_f32", gather_f32_kernel, dim3(rows), kThreads, stream, false, features, stride,
         index, out);
}

void relu_dropout(const float* hidden, std::uint32_t ld, std::uint32_t rows, std::uint32_t width,
                  std::uint32_t stride, const StepControl* control, std::uint32_t threshold,
                  float keep_scale, __half* out, cudaStream_t stream) {
  launch("relu_dropout", relu_dropout_kernel, dim3(rows), kThreads, stream, false, hidden, ld,
         width, stride, control, threshold, keep_scale, out);
}

void relu_f32(float* hidden, std::uint32_t rows, std::uint32_t width, std::uint32_t stride,
              cudaStream_t stream) {
  launch("relu_f32", relu_f32_kernel, dim3(rows), kThreads, stream, false, hidden, width, stride);
}

void relu_dropout_backward(const float* grad, const __half* activation, std::uint32_t stride,
                           std::uint32_t rows, std::uint32_t width, std::uint32_t ld,
                           float keep_scale, __half* out, cudaStream_t stream) {
  launch("relu_dropout_backward", relu_dropout_backward_kernel, dim3(rows), kThreads, stream, false,
         grad, activation, stride, width, ld, keep_scale, out);
}

void loss(const LossTables& tables, const float* logits, std::uint32_t ld,
          const std::uint32_t* samples, std::uint32_t rows, __half* delta, double* row_loss,
          cudaStream_t stream) {
  launch("loss", loss_kernel, dim3(rows), kRowThreads, stream, false, tables, logits, ld, samples,
         delta, row_loss);
}

void update(const DeviceLayer& layer, const float* gradient, const StepControl* control,
            cudaStream_t stream) {
  launch("update", update_kernel, blocks_for(std::size_t{layer.outputs} * layer.stride / 4),
         kThreads, stream, false, layer, gradient, control);
}

void round_weights(const DeviceLayer& layer, cudaStream_t stream) {
  launch("round_weights", round_kernel, blocks_for(std::size_t{layer.outputs} * layer.stride),
         kThreads, stream, false, layer);
}

void score(const LossTables& tables, const float* logits, std::uint32_t ld,
           const std::uint32_t* samples, std::uint32_t rows, double* row_loss, double* row_right,
           cudaStream_t stream) {
  launch("score", score_kernel, dim3(rows), kRowThreads, stream, false, tables, logits, ld, samples,
         row_loss, row_right);
}

void partial_sums(const double* values, std::uint64_t count, double* out, cudaStream_t stream) {
  launch("partial_sums", partial_sums_kernel, dim3(kSumParts), kThreads, stream, false, values,
         count, out);
}

}  // namespace caft::cuda
