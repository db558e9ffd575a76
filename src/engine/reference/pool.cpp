// MaxPool and AveragePool over [N, C, H, W].
#include <algorithm>
#include <limits>

#include "engine/reference/operators.hpp"
#include "engine/reference/window.hpp"

namespace caft::reference {
namespace {

Window pooling_window(const Call& call) {
  const auto kernel = call.integers("kernel_shape", {});
  if (kernel.size() != 2) call.fail("kernel_shape must have 2 values");
  return read_window(call, call.real(0, 4).shape, {kernel[0], kernel[1]});
}

/// Calls `reduce(plane, y, x)` for each output of each channel.
template <typename Reduce>
Tensor pool(const Call& call, const Window& window, Reduce reduce) {
  const Tensor& input = call.real(0, 4);
  Tensor result = call.make({input.shape[0], input.shape[1], window.out[0], window.out[1]});
  if (call.shapes_only()) return result;
  float* out = result.floats.data();
  const std::int64_t in_plane = window.in[0] * window.in[1];
  for (std::int64_t p = 0; p < input.shape[0] * input.shape[1]; ++p) {
    const float* plane = input.floats.data() + p * in_plane;
    for (std::int64_t y = 0; y < window.out[0]; ++y) {
      for (std::int64_t x = 0; x < window.out[1]; ++x) *out++ = reduce(plane, y, x);
    }
  }
  return result;
}

/// Calls `visit(value)` for each input inside the window of output (y, x).
template <typename Visit>
void visit_window(const Window& window, const float* plane, std::int64_t y, std::int64_t x,
                  Visit visit) {
  for (std::int64_t ky = 0; ky < window.kernel[0]; ++ky) {
    const std::int64_t row = window.at(0, y, ky);
    if (row < 0 || row >= window.in[0]) continue;
    for (std::int64_t kx = 0; kx < window.kernel[1]; ++kx) {
      const std::int64_t column = window.at(1, x, kx);
      if (column >= 0 && column < window.in[1]) visit(plane[row * window.in[1] + column]);
    }
  }
}

/// Kernel positions along `d` that lie in the input or its declared padding.
std::int64_t padded_extent(const Window& window, std::size_t d, std::int64_t o) {
  std::int64_t extent = 0;
  for (std::int64_t k = 0; k < window.kernel[d]; ++k) {
    extent += window.at(d, o, k) < window.in[d] + window.pad_end[d] ? 1 : 0;
  }
  return extent;
}

}  // namespace

Tensor max_pool(const Call& call) {
  if (call.integer("storage_order", 0) != 0) call.fail("storage_order is not supported");
  const Window window = pooling_window(call);
  return pool(call, window, [&](const float* plane, std::int64_t y, std::int64_t x) {
    float best = -std::numeric_limits<float>::infinity();
    visit_window(window, plane, y, x, [&](float value) { best = std::max(best, value); });
    return best;
  });
}

Tensor average_pool(const Call& call) {
  const Window window = pooling_window(call);
  const bool include_pad = call.integer("count_include_pad", 0) != 0;
  return pool(call, window, [&](const float* plane, std::int64_t y, std::int64_t x) {
    double sum = 0;
    std::int64_t members = 0;
    visit_window(window, plane, y, x, [&](float value) {
      sum += value;
      ++members;
    });
    if (include_pad) members = padded_extent(window, 0, y) * padded_extent(window, 1, x);
    return static_cast<float>(members > 0 ? sum / static_cast<double>(members) : 0.0);
  });
}

}  // namespace caft::reference
