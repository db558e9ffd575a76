// The resize's inner loops in plain C++, inlined into a caller that chooses the instruction set, so
// that the compiler vectorises them for it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "image/resample_table.hpp"

namespace caft::image {

#define CAFT_INLINE inline __attribute__((always_inline))

inline constexpr std::int32_t kRoundHalf = 1 << (kWeightBits - 1);

CAFT_INLINE std::uint8_t clip_fixed(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

CAFT_INLINE void horizontal_loop(const std::uint8_t* in, const ResampleTable& table,
                                 std::uint8_t* out) {
  const std::int32_t* weights = table.weights.data();
  for (int i = 0; i < table.outputs; ++i, weights += table.taps, out += 3) {
    const std::uint8_t* pixel = in + std::ptrdiff_t{table.first[static_cast<std::size_t>(i)]} * 3;
    const int count = table.count[static_cast<std::size_t>(i)];
    std::int32_t red = kRoundHalf, green = kRoundHalf, blue = kRoundHalf;
    for (int t = 0; t < count; ++t, pixel += 3) {
      red += pixel[0] * weights[t];
      green += pixel[1] * weights[t];
      blue += pixel[2] * weights[t];
    }
    out[0] = clip_fixed(red);
    out[1] = clip_fixed(green);
    out[2] = clip_fixed(blue);
  }
}

CAFT_INLINE std::int32_t four_taps(const std::uint8_t* a, const std::uint8_t* b,
                                   const std::uint8_t* c, const std::uint8_t* d,
                                   const std::int32_t* w, std::size_t i) {
  return a[i] * w[0] + b[i] * w[1] + c[i] * w[2] + d[i] * w[3];
}

CAFT_INLINE void vertical_loop(const std::uint8_t* const* rows, const std::int32_t* weights,
                               int taps, std::uint8_t* __restrict out, std::size_t bytes) {
  // Blocks keep the sums in the first-level cache however many taps there are.
  constexpr std::size_t kBlock = 512;
  std::int32_t sums[kBlock];
  for (std::size_t begin = 0; begin < bytes; begin += kBlock) {
    const std::size_t size = std::min(kBlock, bytes - begin);
    const auto* const* r = rows;
    const std::int32_t* w = weights;
    if (taps == 4) {
      const std::uint8_t *a = r[0] + begin, *b = r[1] + begin, *c = r[2] + begin, *d = r[3] + begin;
      for (std::size_t i = 0; i < size; ++i) {
        out[begin + i] = clip_fixed(kRoundHalf + four_taps(a, b, c, d, w, i));
      }
      continue;
    }
    std::fill_n(sums, size, kRoundHalf);
    for (int t = 0; t < taps; t += 4, r += 4, w += 4) {
      const std::uint8_t *a = r[0] + begin, *b = r[1] + begin, *c = r[2] + begin, *d = r[3] + begin;
      for (std::size_t i = 0; i < size; ++i) sums[i] += four_taps(a, b, c, d, w, i);
    }
    for (std::size_t i = 0; i < size; ++i) out[begin + i] = clip_fixed(sums[i]);
  }
}

}  // namespace caft::image
