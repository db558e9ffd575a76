// The sliding window that convolution and pooling share.
#pragma once

#include <array>
#include <cstdint>

#include "engine/reference/call.hpp"

namespace caft::reference {

using Pair = std::array<std::int64_t, 2>;

/// Geometry of a 2-D window, height first.
struct Window {
  Pair kernel{}, stride{}, dilation{}, pad_begin{}, pad_end{}, in{}, out{};

  /// Outputs `first` … `last` - 1 along `dimension` for which kernel position `k` lies inside the
  /// input.
  struct Span {
    std::int64_t first, last;
  };
  [[nodiscard]] Span inside(std::size_t dimension, std::int64_t k) const;
  /// Input coordinate that output `o` meets at kernel position `k`; outside the input in the
  /// padding.
  [[nodiscard]] std::int64_t at(std::size_t dimension, std::int64_t o, std::int64_t k) const {
    return o * stride[dimension] - pad_begin[dimension] + k * dilation[dimension];
  }
};

/// Reads strides, dilations, pads, auto_pad (NOTSET and VALID) and ceil_mode of a node whose input
/// is [N, C, H, W]. Throws Error(bad_input) on anything that makes no window.
Window read_window(const Call& call, const Shape& input, Pair kernel);

}  // namespace caft::reference
