// The GPU's arithmetic of head training, as launches on a stream. Sums are taken in a fixed order
// (no atomics), so that the same launches give the same bits.
//
// Rows and parameters lie as on the CPU: [.., stride] with a column of ones in inputs, the bias in
// the parameters' same column, then zeros (head/fused/buffer.hpp). A gradient by the logits is kept
// as fp16 after a factor that lifts it out of fp16's subnormal numbers.
#pragma once

#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "head/fused/network.hpp"

namespace caft::cuda {

/// What a step needs beside its rows. Refreshed in device memory before each replay of the graph.
struct StepControl {
  fused::Update update;
  float gradient_scale = 0;  ///< of the stored gradient: 1 / (terms of the batch * delta_scale)
  std::uint64_t dropout_key = 0;
};

/// The targets and how they count (fused::Loss), in device memory.
struct LossTables {
  const std::int32_t* labels = nullptr;     ///< [samples]; null when multi-label
  const std::uint8_t* multi_hot = nullptr;  ///< [samples, classes]; null when single-label
  const float* weight = nullptr;            ///< [classes]
  const float* negative = nullptr;          ///< [classes]; multi-label
  std::uint32_t classes = 0;
  float smoothing = 0, weight_sum = 0;
  float delta_scale = 1;  ///< what gradients by the logits are multiplied by before fp16
};

/// One layer in device memory. [outputs, stride]; `half` [padded outputs, stride] is null where the
/// small linear step makes its own.
struct DeviceLayer {
  float *weight = nullptr, *first = nullptr, *second = nullptr;
  __half* half = nullptr;
  std::uint32_t inputs = 0, outputs = 0, stride = 0;
};

/// out[i, :] = the standardised row i, 1, zeros. raw [rows, dim], f16 or f32. Values beyond fp16's
/// range become its largest.
void standardize(const void* raw, bool raw_is_f16, std::uint32_t rows, std::uint32_t dim,
                 std::uint32_t stride, const float* mean, const float* scale, __half* out,
                 cudaStream_t stream);

/// out[i, :] = features[index[i], :]
void gather(const __half* features, std::uint32_t stride, const std::uint32_t* index,
            std::uint32_t rows, __half* out, cudaStream_t stream);
void gather_f32(const __half* features, std::uint32_t stride, const std::uint32_t* index,
                std::uint32_t rows, float* out, cudaStream_t stream);

/// hidden [rows, ld] -> out [rows, stride]: ReLU, dropout (mask as the CPU's; threshold 0: none),
/// column `width` 1, zeros beyond.
void relu_dropout(const float* hidden, std::uint32_t ld, std::uint32_t rows, std::uint32_t width,
                  std::uint32_t stride, const StepControl* control, std::uint32_t threshold,
                  float keep_scale, __half* out, cudaStream_t stream);
/// The same without dropout, for validation, in place: hidden [rows, stride].
void relu_f32(float* hidden, std::uint32_t rows, std::uint32_t width, std::uint32_t stride,
              cudaStream_t stream);
/// Backwards: out [rows, ld] = activation > 0 ? grad * keep_scale : 0; grad [rows, ld].
void relu_dropout_backward(const float* grad, const __half* activation, std::uint32_t stride,
                           std::uint32_t rows, std::uint32_t width, std::uint32_t ld,
                           float keep_scale, __half* out, cudaStream_t stream);

/// Losses and their gradients by the logits. logits [rows, ld]; delta [rows, ld], zeros from
/// `classes` on. samples [rows] index the targets. row_loss [rows].
void loss(const LossTables& tables, const float* logits, std::uint32_t ld,
          const std::uint32_t* samples, std::uint32_t rows, __half* delta, double* row_loss,
          cudaStream_t stream);

/// Parameters by their gradient [outputs, stride], times control->gradient_scale.
void update(const DeviceLayer& layer, const float* gradient, const StepControl* control,
            cudaStream_t stream);
/// layer.half = layer.weight.
void round_weights(const DeviceLayer& layer, cudaStream_t stream);

/// Plain loss and correctness (fused::score) of rows [first, first + rows) of the validation part.
void score(const LossTables& tables, const float* logits, std::uint32_t ld,
           const std::uint32_t* samples, std::uint32_t rows, double* row_loss, double* row_right,
           cudaStream_t stream);

/// out[0 .. kSumParts) add up to the sum of values.
inline constexpr std::uint32_t kSumParts = 64;
void partial_sums(const double* values, std::uint64_t count, double* out, cudaStream_t stream);

// ---------------------------------------------------------------- the small linear step
// Two launches a step. `small_loss` adds up the parts of the logits and makes the gradient by them;
// `small_update` makes a tile of the weights' gradient, updates the tile, and at once multiplies it
// with the next batch's rows: the tile's part of the next logits. Products are of fp16 values with
// fp32 sums; weights and gradients enter as sums of two fp16, so that only the features' own
// rounding is left.

inline constexpr std::uint32_t kSmallTileClasses = 64, kSmallTileInputs = 32, kSmallRows = 64;
inline constexpr std::uint32_t kSmallMaxClasses = 1024;

struct SmallLinear {
  DeviceLayer layer;
  const __half* features = nullptr;        ///< [.., stride]
  const std::uint32_t* rows = nullptr;     ///< of the chunk: a position's row in features
  const std::uint32_t* samples = nullptr;  ///< of the chunk: a position's target
  const StepControl* control = nullptr;    ///< of the chunk
  float* parts = nullptr;                  ///< [splits, padded batch, padded classes]
  __half *delta_high = nullptr, *delta_low = nullptr;  ///< [padded batch, padded classes]
  double* row_loss = nullptr;                          ///< of the chunk's positions
  std::uint32_t padded_batch = 0, padded_classes = 0;
  bool overlap = false;  ///< programmatic dependent launch (compute capability 9 and above)

  [[nodiscard]] constexpr std::uint32_t splits() const {
    return (layer.stride + kSmallTileInputs - 1) / kSmallTileInputs;
  }
};

/// Positions [first, first + rows) of the chunk, its step `step`.
struct SmallBatch {
  std::uint32_t first = 0, rows = 0, step = 0;
};

/// The parts of the logits of a chunk's first batch.
void small_start(const SmallLinear& linear, const SmallBatch& next, cudaStream_t stream);
void small_loss(const SmallLinear& linear, const LossTables& tables, const SmallBatch& batch,
                cudaStream_t stream);
/// `next.rows` 0: the chunk ends here.
void small_update(const SmallLinear& linear, const SmallBatch& batch, const SmallBatch& next,
                  cudaStream_t stream);

}  // namespace caft::cuda
