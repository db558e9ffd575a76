// How decoded planes and RGB windows lie in GPU memory, and what they take.
#pragma once

#include <cstddef>

#include "cuda/image_math.hpp"

namespace caft::cuda {

inline constexpr std::size_t kAlignment = 256;  // bytes, of whatever a kernel or decoder writes

inline std::size_t align(std::size_t value, std::size_t to) { return (value + to - 1) / to * to; }

/// A plane of whole 16-line blocks, which decoders like to write; `data` is left to the caller.
inline Plane make_plane(int width, int height) {
  return {.pitch = static_cast<int>(align(static_cast<std::size_t>(width), 64)),
          .width = width,
          .height = height};
}

/// A plane for Cb or Cr. Grey images have them too, unread: what a decoder writes there for them is
/// not said anywhere.
inline Plane make_color_plane(const image::JpegInfo& jpeg) {
  if (jpeg.sampling == image::ChromaSampling::grey) return make_plane(jpeg.width, jpeg.height);
  return make_plane(jpeg.chroma_width(), jpeg.chroma_height());
}

inline std::size_t bytes_of(const Plane& plane) {
  return align(
      static_cast<std::size_t>(plane.pitch) * align(static_cast<std::size_t>(plane.height), 16),
      kAlignment);
}

inline int rgb_pitch(int width) { return (width + 3) / 4 * 12; }

inline std::size_t rgb_bytes(int width, int height) {
  return align(static_cast<std::size_t>(rgb_pitch(width)) * static_cast<std::size_t>(height),
               kAlignment);
}

}  // namespace caft::cuda
