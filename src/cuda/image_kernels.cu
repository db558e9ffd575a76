// Upsampling with colour conversion, and resize with crop, for a batch of images of any sizes. A
// launch's blocks are dealt out to the images one after the other, so that sizes may differ freely.
#include "cuda/image_kernels.hpp"
#include "cuda/runtime.hpp"

namespace caft::cuda {
namespace {

/// The job that `block` belongs to: the last one whose first block is not beyond it.
template <typename Job>
__device__ const Job& job_of(const Job* jobs, int count, int block) {
  int low = 0, high = count - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (jobs[middle].first_block <= block) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return jobs[low];
}

/// Each thread makes four neighbouring pixels: three words.
__global__ void __launch_bounds__(256) convert_kernel(const ConvertJob* jobs, int count) {
  const auto block = static_cast<int>(blockIdx.x);
  const ConvertJob& job = job_of(jobs, count, block);
  const int index = block - job.first_block;
  const int x = index % job.blocks_a_row * kConvertWidth + static_cast<int>(threadIdx.x) * 4;
  const int y = index / job.blocks_a_row * kConvertHeight + static_cast<int>(threadIdx.y);
  if (x >= job.width || y >= job.height) return;
  std::uint32_t words[3];
  auto* rgb = reinterpret_cast<std::uint8_t*>(words);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int column = job.x + min(x + i, job.width - 1);
    rgb_at(job.planes, job.sampling, column, job.y + y, rgb + 3 * i);
  }
  auto* out = reinterpret_cast<std::uint32_t*>(
      job.out.data + static_cast<std::int64_t>(y) * job.out.pitch + x * 3);
  out[0] = words[0];
  out[1] = words[1];
  out[2] = words[2];
}

/// A block makes a tile of kResizeWidth x tile_rows pixels. A thread owns one column of one
/// channel: it resizes that column's part of every source row that the tile needs into shared
/// memory, as bytes, then sums them up for each row of the tile. It reads only what it wrote, so
/// nothing is waited for.
__global__ void __launch_bounds__(kResizeWidth * 3)
    resize_kernel(const ResizeJob* jobs, int count, const std::int32_t* tables) {
  __shared__ std::uint8_t rows[kResizeMaxRows][kResizeWidth * 3];
  const auto block = static_cast<int>(blockIdx.x);
  const auto thread = static_cast<int>(threadIdx.x);
  const ResizeJob& job = job_of(jobs, count, block);
  const int index = block - job.first_block;
  const int column = index % job.blocks_a_row * kResizeWidth + thread / 3;
  const int top = index / job.blocks_a_row * job.tile_rows;
  const int bottom = min(top + job.tile_rows, job.height);
  if (column >= job.width) return;

  const std::int64_t out_pitch = std::int64_t{3} * job.width;
  std::uint8_t* out = job.out + top * out_pitch + column * 3 + thread % 3;
  const int i = column - job.x.padding;
  // The tile's rows that are not padding, counted in the table.
  const int low = max(top - job.y.padding, 0), high = min(bottom - job.y.padding, job.y.kept);
  if (i < 0 || i >= job.x.kept || low >= high) {
    for (int y = top; y < bottom; ++y, out += out_pitch) *out = 0;
    return;
  }

  const std::int32_t* x_table = tables + job.x.table;
  const std::int32_t* y_first = tables + job.y.table;
  const std::int32_t* y_count = y_first + job.y.kept;
  const std::int32_t* y_weights = y_count + job.y.kept;
  const int x_count = x_table[job.x.kept + i];
  const std::int32_t* weights =
      x_table + 2 * job.x.kept + static_cast<std::int64_t>(i) * job.x.taps;
  const int begin = y_first[low], end = y_first[high - 1] + y_count[high - 1];
  const std::uint8_t* in = job.in.data +
                           static_cast<std::int64_t>(begin - job.y.begin) * job.in.pitch +
                           (x_table[i] - job.x.begin) * 3 + thread % 3;

  constexpr int kFew = 6;
  if (x_count <= kFew) {
    std::int32_t weight[kFew];
#pragma unroll
    for (int t = 0; t < kFew; ++t) weight[t] = t < x_count ? weights[t] : 0;
#pragma unroll 4
    for (int y = 0; y < end - begin; ++y) {
      const std::uint8_t* pixel = in + static_cast<std::int64_t>(y) * job.in.pitch;
      std::int32_t sum = kFixedHalf;
#pragma unroll
      for (int t = 0; t < kFew; ++t) {
        if (t < x_count) sum += pixel[3 * t] * weight[t];
      }
      rows[y][thread] = round_fixed(sum);
    }
  } else {
    for (int y = 0; y < end - begin; ++y) {
      const std::uint8_t* pixel = in + static_cast<std::int64_t>(y) * job.in.pitch;
      std::int32_t sum = kFixedHalf;
      for (int t = 0; t < x_count; ++t) sum += pixel[3 * t] * weights[t];
      rows[y][thread] = round_fixed(sum);
    }
  }

  for (int y = top; y < bottom; ++y, out += out_pitch) {
    const int row = y - job.y.padding;
    if (row < 0 || row >= job.y.kept) {
      *out = 0;
      continue;
    }
    const int first = y_first[row] - begin, taps = y_count[row];
    const std::int32_t* weight = y_weights + static_cast<std::int64_t>(row) * job.y.taps;
    std::int32_t sum = kFixedHalf;
    for (int t = 0; t < taps; ++t) sum += rows[first + t][thread] * weight[t];
    *out = round_fixed(sum);
  }
}

}  // namespace

void launch_convert(const ConvertJob* jobs, int count, int blocks, cudaStream_t stream) {
  const dim3 threads(kConvertWidth / 4, kConvertHeight);
  convert_kernel<<<static_cast<unsigned>(blocks), threads, 0, stream>>>(jobs, count);
  check_launch("colour conversion");
}

void launch_resize(const ResizeJob* jobs, int count, int blocks, const std::int32_t* tables,
                   cudaStream_t stream) {
  resize_kernel<<<static_cast<unsigned>(blocks), kResizeWidth * 3, 0, stream>>>(jobs, count,
                                                                                tables);
  check_launch("resize");
}

}  // namespace caft::cuda
