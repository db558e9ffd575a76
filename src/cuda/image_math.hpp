// The arithmetic of one pixel, shared by the kernels and by tests that run it on the CPU. Results
// are the same bits as libjpeg-turbo's (jdsample.c's smooth upsampling, jdcolor.c) and Pillow's.
#pragma once

#include <cstdint>

#include "image/jpeg_probe.hpp"
#include "image/resample_table.hpp"

#if defined(__CUDACC__)
#define CAFT_HOST_DEVICE __host__ __device__ inline
#else
#define CAFT_HOST_DEVICE inline
#endif

namespace caft::cuda {

/// A plane of 8-bit samples.
struct Plane {
  std::uint8_t* data = nullptr;
  int pitch = 0;  ///< bytes from row to row
  int width = 0, height = 0;
};

CAFT_HOST_DEVICE int sample(const Plane& plane, int x, int y) {
  return plane.data[static_cast<std::int64_t>(y) * plane.pitch + x];
}

/// A colour plane's value at pixel (x, y) of the image. Halved axes are interpolated with weights
/// 3/4 and 1/4; roundings alternate as in libjpeg, which repeats edges.
CAFT_HOST_DEVICE int chroma_at(const Plane& plane, image::ChromaSampling sampling, int x, int y) {
  using image::ChromaSampling;
  if (sampling == ChromaSampling::s444) return sample(plane, x, y);
  const bool halves_y = sampling != ChromaSampling::s422;
  const int row = halves_y ? y >> 1 : y;
  int other = row;  // the row that is the second nearest
  if (halves_y) {
    other = (y & 1) != 0 ? row + 1 : row - 1;
    other = other < 0 ? 0 : other > plane.height - 1 ? plane.height - 1 : other;
  }
  if (sampling == ChromaSampling::s440) {
    return (sample(plane, x, row) * 3 + sample(plane, x, other) + ((y & 1) != 0 ? 2 : 1)) >> 2;
  }
  const int column = x >> 1;
  if (plane.width <= 2) return sample(plane, column, row);  // libjpeg's rule for tiny images
  const bool odd = (x & 1) != 0;
  const int side = odd ? column + 1 : column - 1;  // the column that is the second nearest
  const bool edge = side < 0 || side >= plane.width;
  if (!halves_y) {
    const int here = sample(plane, column, row);
    return edge ? here : (here * 3 + sample(plane, side, row) + (odd ? 2 : 1)) >> 2;
  }
  const int here = sample(plane, column, row) * 3 + sample(plane, column, other);
  const int there = edge ? here : sample(plane, side, row) * 3 + sample(plane, side, other);
  return (here * 3 + there + (odd ? 7 : 8)) >> 4;
}

CAFT_HOST_DEVICE std::uint8_t clip_to_byte(int value) {
  return static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

/// JFIF's YCbCr to RGB with 16 fraction bits.
CAFT_HOST_DEVICE void ycbcr_to_rgb(int y, int cb, int cr, std::uint8_t* rgb) {
  constexpr int kHalf = 1 << 15;
  cb -= 128;
  cr -= 128;
  rgb[0] = clip_to_byte(y + ((91881 * cr + kHalf) >> 16));                // 1.40200
  rgb[1] = clip_to_byte(y + ((-22554 * cb + kHalf - 46802 * cr) >> 16));  // 0.34414, 0.71414
  rgb[2] = clip_to_byte(y + ((116130 * cb + kHalf) >> 16));               // 1.77200
}

/// Pixel (x, y) of a decoded JPEG.
CAFT_HOST_DEVICE void rgb_at(const Plane planes[3], image::ChromaSampling sampling, int x, int y,
                             std::uint8_t* rgb) {
  const int luma = sample(planes[0], x, y);
  if (sampling == image::ChromaSampling::grey) {
    rgb[0] = rgb[1] = rgb[2] = static_cast<std::uint8_t>(luma);
    return;
  }
  ycbcr_to_rgb(luma, chroma_at(planes[1], sampling, x, y), chroma_at(planes[2], sampling, x, y),
               rgb);
}

/// A sum of products in fixed point as a byte: Pillow's rounding.
CAFT_HOST_DEVICE std::uint8_t round_fixed(std::int32_t sum) {
  return clip_to_byte(sum >> image::kWeightBits);
}

inline constexpr std::int32_t kFixedHalf = 1 << (image::kWeightBits - 1);

}  // namespace caft::cuda
