// A step of a linear head on a small batch, as two launches (kernels.hpp says how).
#include <mma.h>

#include "head/cuda/device_math.cuh"
#include "head/cuda/kernels.hpp"
#include "head/cuda/launch.cuh"

namespace caft::cuda {
namespace {

namespace wmma = nvcuda::wmma;

constexpr int kThreads = 256;
constexpr int kClasses = kSmallTileClasses, kInputs = kSmallTileInputs, kRows = kSmallRows;
// Rows in shared memory are longer than their tile, so that they start in different banks.
constexpr int kInputsLd = kInputs + 8, kClassesLd = kClasses + 8, kGradientLd = kInputs + 4;
constexpr int kQuads = kClasses * kInputs / 4 / kThreads;  // float4s of the tile a thread has
static_assert(kQuads * kThreads * 4 == kClasses * kInputs);
static_assert(kRows * kInputs / 8 == kThreads);

struct Shared {
  __half x[kRows * kInputsLd];
  __half delta_high[kRows * kClassesLd], delta_low[kRows * kClassesLd];
  __half weight_high[kClasses * kInputsLd], weight_low[kClasses * kInputsLd];
  float gradient[kClasses * kGradientLd];
};

using LogitTile = wmma::fragment<wmma::accumulator, 16, 16, 16, float>;

/// This thread's eight values of rows [first, first + kRows) of a batch, columns from `column` on;
/// zeros beyond the batch and the row.
__device__ uint4 load_rows(const SmallLinear& linear, const SmallBatch& batch, std::uint32_t first,
                           std::uint32_t column) {
  const std::uint32_t row = first + threadIdx.x / (kInputs / 8);
  column += threadIdx.x % (kInputs / 8) * 8;
  if (row >= batch.rows || column >= linear.layer.stride) return make_uint4(0, 0, 0, 0);
  const std::size_t at = linear.rows[batch.first + row];
  return *reinterpret_cast<const uint4*>(linear.features + at * linear.layer.stride + column);
}

__device__ void store_rows(Shared& shared, uint4 values) {
  const int row = static_cast<int>(threadIdx.x) / (kInputs / 8);
  const int column = static_cast<int>(threadIdx.x) % (kInputs / 8) * 8;
  *reinterpret_cast<uint4*>(&shared.x[row * kInputsLd + column]) = values;
}

/// Gradients by the logits of rows [first, first + kRows), classes from `class0` on.
__device__ void copy_deltas(const SmallLinear& linear, const SmallBatch& batch, std::uint32_t first,
                            std::uint32_t class0, Shared& shared) {
  constexpr int kPieces = kClasses / 8, kCount = kRows * kPieces / kThreads;
  uint4 high[kCount], low[kCount];
  for (int i = 0; i < kCount; ++i) {  // all on their way before the first is waited for
    const int piece = static_cast<int>(threadIdx.x) + i * kThreads;
    const int row = piece / kPieces, column = piece % kPieces * 8;
    high[i] = low[i] = make_uint4(0, 0, 0, 0);
    if (first + row >= batch.rows) continue;
    const std::size_t at =
        static_cast<std::size_t>(first + row) * linear.padded_classes + class0 + column;
    high[i] = __ldcg(reinterpret_cast<const uint4*>(linear.delta_high + at));
    low[i] = __ldcg(reinterpret_cast<const uint4*>(linear.delta_low + at));
  }
  for (int i = 0; i < kCount; ++i) {
    const int piece = static_cast<int>(threadIdx.x) + i * kThreads;
    const int at = piece / kPieces * kClassesLd + piece % kPieces * 8;
    *reinterpret_cast<uint4*>(&shared.delta_high[at]) = high[i];
    *reinterpret_cast<uint4*>(&shared.delta_low[at]) = low[i];
  }
}

/// A float4 of the block's tile of parameters.
struct Quad {
  int row, column;     ///< within the tile
  std::size_t at = 0;  ///< within the parameters
  bool exists = false;
  float4 weight, first, second;
};

__device__ Quad load_quad(const DeviceLayer& layer, int number, std::uint32_t class0,
                          std::uint32_t column0, bool moments) {
  const int i = static_cast<int>(threadIdx.x) + number * kThreads;
  Quad quad;
  quad.row = i / (kInputs / 4);
  quad.column = i % (kInputs / 4) * 4;
  quad.weight = quad.first = quad.second = make_float4(0, 0, 0, 0);
  quad.exists = class0 + quad.row < layer.outputs && column0 + quad.column < layer.stride;
  if (!quad.exists) return quad;
  quad.at = static_cast<std::size_t>(class0 + quad.row) * layer.stride + column0 + quad.column;
  // Past the L1 cache, which may hold what an earlier step left there.
  quad.weight = __ldcg(reinterpret_cast<const float4*>(layer.weight + quad.at));
  if (!moments) return quad;
  quad.first = __ldcg(reinterpret_cast<const float4*>(layer.first + quad.at));
  quad.second = __ldcg(reinterpret_cast<const float4*>(layer.second + quad.at));
  return quad;
}

__device__ void step_quad(const DeviceLayer& layer, const StepControl& step, const Shared& shared,
                          Quad& quad) {
  if (!quad.exists) return;
  const float* from = &shared.gradient[quad.row * kGradientLd + quad.column];
  const float4 gradient = make_float4(from[0] * step.gradient_scale, from[1] * step.gradient_scale,
                                      from[2] * step.gradient_scale, from[3] * step.gradient_scale);
  step_parameters(step.update, gradient, quad.weight, quad.first, quad.second);
  *reinterpret_cast<float4*>(layer.weight + quad.at) = quad.weight;
  *reinterpret_cast<float4*>(layer.first + quad.at) = quad.first;
  if (step.update.adamw) *reinterpret_cast<float4*>(layer.second + quad.at) = quad.second;
}

__device__ void share_quad(const Quad& quad, Shared& shared) {
  const float values[4] = {quad.weight.x, quad.weight.y, quad.weight.z, quad.weight.w};
  for (int j = 0; j < 4; ++j) {
    const TwoHalves halves = two_halves(values[j]);
    shared.weight_high[quad.row * kInputsLd + quad.column + j] = halves.high;
    shared.weight_low[quad.row * kInputsLd + quad.column + j] = halves.low;
  }
}

/// The tile's gradient in shared memory: deltaT x over the whole batch. `x0` are the thread's
/// values of the first rows.
__device__ void make_gradient(const SmallLinear& linear, const SmallBatch& batch, uint4 x0,
                              std::uint32_t class0, std::uint32_t column0, Shared& shared) {
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int class_tile = warp / (kInputs / 16) * 16, input_tile = warp % (kInputs / 16) * 16;
  LogitTile sum;
  wmma::fill_fragment(sum, 0.0F);
  for (std::uint32_t first = 0; first < batch.rows; first += kRows) {
    store_rows(shared, first == 0 ? x0 : load_rows(linear, batch, first, column0));
    copy_deltas(linear, batch, first, class0, shared);
    __syncthreads();
    for (int k = 0; k < kRows; k += 16) {
      wmma::fragment<wmma::matrix_a, 16, 16, 16, __half, wmma::col_major> delta;
      wmma::fragment<wmma::matrix_b, 16, 16, 16, __half, wmma::row_major> x;
      wmma::load_matrix_sync(x, &shared.x[k * kInputsLd + input_tile], kInputsLd);
      wmma::load_matrix_sync(delta, &shared.delta_high[k * kClassesLd + class_tile], kClassesLd);
      wmma::mma_sync(sum, delta, x, sum);
      wmma::load_matrix_sync(delta, &shared.delta_low[k * kClassesLd + class_tile], kClassesLd);
      wmma::mma_sync(sum, delta, x, sum);
    }
    __syncthreads();
  }
  wmma::store_matrix_sync(&shared.gradient[class_tile * kGradientLd + input_tile], sum, kGradientLd,
                          wmma::mem_row_major);
  __syncthreads();
}

/// The tile's part of the logits of `next`: x weightT over the tile's inputs. The weights are in
/// shared memory.
__device__ void make_logits(const SmallLinear& linear, const SmallBatch& next, uint4 x0,
                            std::uint32_t class0, std::uint32_t column0, Shared& shared) {
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int row_tile = warp / 2 * 16;
  for (std::uint32_t first = 0; first < next.rows; first += kRows) {
    if (first > 0) __syncthreads();  // the rows before are still read
    store_rows(shared, first == 0 ? x0 : load_rows(linear, next, first, column0));
    __syncthreads();
    for (int part = 0; part < 2; ++part) {
      const int class_tile = (warp % 2 * 2 + part) * 16;
      LogitTile sum;
      wmma::fill_fragment(sum, 0.0F);
      for (int k = 0; k < kInputs; k += 16) {
        wmma::fragment<wmma::matrix_a, 16, 16, 16, __half, wmma::row_major> x;
        wmma::fragment<wmma::matrix_b, 16, 16, 16, __half, wmma::col_major> weight;
        wmma::load_matrix_sync(x, &shared.x[row_tile * kInputsLd + k], kInputsLd);
        wmma::load_matrix_sync(weight, &shared.weight_high[class_tile * kInputsLd + k], kInputsLd);
        wmma::mma_sync(sum, x, weight, sum);
        wmma::load_matrix_sync(weight, &shared.weight_low[class_tile * kInputsLd + k], kInputsLd);
        wmma::mma_sync(sum, x, weight, sum);
      }
      const std::size_t row =
          static_cast<std::size_t>(blockIdx.x) * linear.padded_batch + first + row_tile;
      wmma::store_matrix_sync(linear.parts + row * linear.padded_classes + class0 + class_tile, sum,
                              linear.padded_classes, wmma::mem_row_major);
    }
  }
}

template <bool kUpdate>
__global__ void __launch_bounds__(kThreads)
    step_kernel(SmallLinear linear, SmallBatch batch, SmallBatch next) {
  __shared__ __align__(128) Shared shared;
  const std::uint32_t column0 = blockIdx.x * kInputs, class0 = blockIdx.y * kClasses;
  let_next_start();
  // Nothing here was written by the kernel in front: that one only makes deltas.
  uint4 x0 = make_uint4(0, 0, 0, 0);
  if (kUpdate) x0 = load_rows(linear, batch, 0, column0);
  const uint4 next_x0 = load_rows(linear, next, 0, column0);
  Quad quads[kQuads];
  for (int i = 0; i < kQuads; ++i) {
    quads[i] = load_quad(linear.layer, i, class0, column0, kUpdate);
  }
  StepControl step;
  if (kUpdate) step = linear.control[batch.step];
  wait_for_previous();
  if (kUpdate) {
    make_gradient(linear, batch, x0, class0, column0, shared);
    for (int i = 0; i < kQuads; ++i) step_quad(linear.layer, step, shared, quads[i]);
  }
  if (next.rows == 0) return;
  for (int i = 0; i < kQuads; ++i) share_quad(quads[i], shared);
  make_logits(linear, next, next_x0, class0, column0, shared);
}

__global__ void __launch_bounds__(kThreads)
    small_loss_kernel(SmallLinear linear, LossTables tables, SmallBatch batch) {
  constexpr std::uint32_t kWarps = kThreads / 32, kAtOnce = 10;
  __shared__ __align__(16) float parts[kWarps][kSmallMaxClasses];
  __shared__ float z[kSmallMaxClasses];
  const std::uint32_t row = blockIdx.x, classes = tables.classes;
  const std::uint32_t warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const std::uint32_t sample = linear.samples[batch.first + row];
  const Truth truth = truth_of(tables, sample);
  wait_for_previous();
  // After the wait: what the next kernel reads early was written by the one before this.
  let_next_start();
  const std::uint32_t splits = linear.splits();
  const std::size_t split_size =
      static_cast<std::size_t>(linear.padded_batch) * linear.padded_classes;
  for (std::uint32_t c = 4 * lane; c < linear.padded_classes; c += 4 * 32) {
    const float* from = linear.parts + static_cast<std::size_t>(row) * linear.padded_classes + c;
    float4 sum = make_float4(0, 0, 0, 0);
    for (std::uint32_t s = warp; s < splits; s += kAtOnce * kWarps) {
      float4 values[kAtOnce];  // all on their way before the first is waited for
#pragma unroll
      for (std::uint32_t i = 0; i < kAtOnce; ++i) {
        const std::uint32_t split = s + i * kWarps;
        values[i] = make_float4(0, 0, 0, 0);
        if (split < splits) {
          values[i] = __ldcg(reinterpret_cast<const float4*>(from + split * split_size));
        }
      }
#pragma unroll
      for (std::uint32_t i = 0; i < kAtOnce; ++i) {
        sum.x += values[i].x;
        sum.y += values[i].y;
        sum.z += values[i].z;
        sum.w += values[i].w;
      }
    }
    *reinterpret_cast<float4*>(&parts[warp][c]) = sum;
  }
  __syncthreads();
  for (std::uint32_t c = threadIdx.x; c < classes; c += kThreads) {
    float sum = 0;
    for (std::uint32_t w = 0; w < kWarps; ++w) sum += parts[w][c];
    z[c] = sum;
  }
  __syncthreads();
  const std::size_t at = static_cast<std::size_t>(row) * linear.padded_classes;
  loss_row<kThreads>(tables, z, sample, truth, linear.padded_classes, linear.delta_high + at,
                     linear.delta_low + at, linear.row_loss + batch.first + row);
}

dim3 tiles_of(const SmallLinear& linear) {
  return {linear.splits(), linear.padded_classes / kSmallTileClasses};
}

}  // namespace

void small_start(const SmallLinear& linear, const SmallBatch& next, cudaStream_t stream) {
  launch("small_start", step_kernel<false>, tiles_of(linear), kThreads, stream, false, linear,
         SmallBatch{}, next);
}

void small_loss(const SmallLinear& linear, const LossTables& tables, const SmallBatch& batch,
                cudaStream_t stream) {
  launch("small_loss", small_loss_kernel, dim3(batch.rows), kThreads, stream, linear.overlap,
         linear, tables, batch);
}

void small_update(const SmallLinear& linear, const SmallBatch& batch, const SmallBatch& next,
                  cudaStream_t stream) {
  launch("small_update", step_kernel<true>, tiles_of(linear), kThreads, stream, linear.overlap,
         linear, batch, next);
}

}  // namespace caft::cuda
