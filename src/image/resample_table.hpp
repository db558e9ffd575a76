// Which input samples make an output sample of a resize, and with what weights.
#pragma once

#include <cstdint>
#include <vector>

#include "caft/image/preprocess.hpp"

namespace caft::image {

/// Weights are fixed-point numbers with this many fraction bits (Pillow's PRECISION_BITS).
inline constexpr int kWeightBits = 32 - 8 - 2;

/// One axis of an antialiased resize, for a window of its outputs. Output i is the sum of `taps`
/// inputs from first[i] on, times weights[i * taps ...]; weights past count[i] are zero.
struct ResampleTable {
  int outputs = 0;  ///< in the window
  int taps = 0;     ///< a multiple of 4
  int widest = 0;   ///< the largest count
  std::vector<std::int32_t> first;
  std::vector<std::int32_t> count;
  std::vector<std::int32_t> weights;
  std::vector<std::int16_t> packed;  ///< the weights as a kernel's `pack` lays them out, if it does
};

/// The table that Pillow's Image.resize uses from `in` to `out` samples, for the outputs `begin` to
/// `begin + outputs`: Pillow's triangle or Keys cubic (a = -0.5), widened by the scale when
/// shrinking, in double precision, normalised, then rounded to fixed point.
ResampleTable make_resample_table(int in, std::int64_t out, std::int64_t begin, int outputs,
                                  Interpolation interpolation);

/// Bytes that such a table takes at most, packing included.
std::uint64_t resample_table_bytes(int in, std::int64_t out, int outputs,
                                   Interpolation interpolation);

}  // namespace caft::image
