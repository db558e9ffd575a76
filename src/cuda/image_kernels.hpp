// The image kernels and what they are told of each image. Only pointers and integers, so that C++
// and CUDA sources share it.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "cuda/image_math.hpp"

namespace caft::cuda {

/// Pixels of RGB, interleaved.
struct Rgb {
  std::uint8_t* data = nullptr;
  int pitch = 0;  ///< bytes from row to row, a multiple of 12 when a kernel writes it
};

/// Turns a window of a decoded JPEG into RGB.
struct ConvertJob {
  int first_block = 0;   ///< of this job in the launch
  int blocks_a_row = 0;  ///< of 128 x 8 pixels each
  image::ChromaSampling sampling = image::ChromaSampling::grey;
  Plane planes[3];
  int x = 0, y = 0;  ///< the window's upper left pixel
  int width = 0, height = 0;
  Rgb out;  ///< rows are written up to the next multiple of 4 pixels
};

/// One axis of a resize, in the table buffer: `first`[kept], `count`[kept], weights[kept * taps].
struct ResizeAxis {
  int table = 0;    ///< offset in the table buffer, in 32-bit words
  int taps = 0;     ///< weights an output
  int kept = 0;     ///< outputs that are computed
  int padding = 0;  ///< zeros before them
  int begin = 0;    ///< the source's first sample in `first`'s count: `in` begins there
};

/// Resizes and crops one image into its slot.
struct ResizeJob {
  int first_block = 0;
  int blocks_a_row = 0;
  int tile_rows = 0;          ///< output rows a block
  int width = 0, height = 0;  ///< of the output
  Rgb in;
  ResizeAxis x, y;
  std::uint8_t* out = nullptr;  ///< [height, width, 3]
};

inline constexpr int kConvertWidth = 128, kConvertHeight = 8;
inline constexpr int kResizeWidth = 64;     ///< output columns a block
inline constexpr int kResizeMaxRows = 128;  ///< source rows that a block can hold

/// Launches one kernel for all jobs, which lie on the device, `blocks` in all.
void launch_convert(const ConvertJob* jobs, int count, int blocks, cudaStream_t stream);
void launch_resize(const ResizeJob* jobs, int count, int blocks, const std::int32_t* tables,
                   cudaStream_t stream);

}  // namespace caft::cuda
