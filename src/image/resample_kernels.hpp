// The inner loops of a resize, in a version for each level of CPU.
#pragma once

#include <cstddef>
#include <cstdint>

#include "image/resample_table.hpp"

namespace caft::image {

enum class CpuLevel : std::uint8_t { portable, avx2, avx512_vnni };

/// Kernels may write this many bytes past the end of a horizontally resized row.
inline constexpr std::size_t kRowSlack = 32;

struct ResampleKernels {
  /// Lays out table.packed for `horizontal`; null where that needs none.
  void (*pack)(ResampleTable& table);

  /// Resizes one row of RGB pixels: `out` gets table.outputs pixels, and up to kRowSlack bytes of
  /// rubbish behind them. `in` must be readable for horizontal_reach(table) bytes.
  void (*horizontal)(const std::uint8_t* in, const ResampleTable& table, std::uint8_t* out);

  /// out[i] = the sum of rows[t][i] * weights[t] in fixed point, rounded and clipped to a byte.
  /// `taps` is a multiple of 4; rows of zero weight must be readable too.
  void (*vertical)(const std::uint8_t* const* rows, const std::int32_t* weights, int taps,
                   std::uint8_t* out, std::size_t bytes);
};

/// The highest level that this CPU has and caft has kernels for.
CpuLevel best_cpu_level();

/// The kernels of a level, which must be no higher than the best. All give the same bits.
const ResampleKernels& resample_kernels(CpuLevel level);

/// Bytes from a row's start that horizontal kernels may read: taps of zero weight and a vector
/// load's surplus included.
std::size_t horizontal_reach(const ResampleTable& table);

}  // namespace caft::image
