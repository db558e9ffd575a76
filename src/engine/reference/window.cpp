#include "engine/reference/window.hpp"

#include <algorithm>

namespace caft::reference {
namespace {

constexpr std::int64_t max_extent = 1 << 16;  // keeps the products below far from overflow

/// `count` values of an attribute, each from `least` to max_extent.
std::vector<std::int64_t> sizes(const Call& call, std::string_view name, std::size_t count,
                                std::int64_t otherwise, std::int64_t least) {
  std::vector<std::int64_t> values =
      call.integers(name, std::vector<std::int64_t>(count, otherwise));
  if (values.size() != count) {
    call.fail(std::string(name) + " must have " + std::to_string(count) + " values (2-D only)");
  }
  for (const std::int64_t value : values) {
    if (value < least || value > max_extent) {
      call.fail(std::string(name) + " holds " + std::to_string(value) + ", out of range");
    }
  }
  return values;
}

}  // namespace

Window::Span Window::inside(std::size_t dimension, std::int64_t k) const {
  const std::int64_t step = stride[dimension];
  const std::int64_t start = k * dilation[dimension] - pad_begin[dimension];  // input at output 0
  const std::int64_t first = start >= 0 ? 0 : (-start + step - 1) / step;
  const std::int64_t room = in[dimension] - start;  // outputs o with o * step < room are inside
  const std::int64_t last = room <= 0 ? 0 : (room + step - 1) / step;
  return {std::min(first, out[dimension]), std::min(last, out[dimension])};
}

Window read_window(const Call& call, const Shape& input, Pair kernel) {
  const std::string auto_pad = call.text("auto_pad", "NOTSET");
  if (auto_pad != "NOTSET" && auto_pad != "VALID") {
    call.fail("auto_pad " + auto_pad + " is not supported: export with explicit pads");
  }
  const auto strides = sizes(call, "strides", 2, 1, 1);
  const auto dilations = sizes(call, "dilations", 2, 1, 1);
  auto pads = sizes(call, "pads", 4, 0, 0);
  if (auto_pad == "VALID") std::ranges::fill(pads, 0);
  const bool ceil_mode = call.integer("ceil_mode", 0) != 0;
  Window window;
  for (std::size_t d = 0; d < 2; ++d) {
    if (kernel[d] < 1 || kernel[d] > max_extent) call.fail("the kernel has a side out of range");
    window.kernel[d] = kernel[d];
    window.stride[d] = strides[d];
    window.dilation[d] = dilations[d];
    window.pad_begin[d] = pads[d];
    window.pad_end[d] = pads[d + 2];
    window.in[d] = input[d + 2];
    const std::int64_t room = window.in[d] + window.pad_begin[d] + window.pad_end[d] -
                              window.dilation[d] * (window.kernel[d] - 1) - 1;
    if (room < 0) call.fail("the kernel is larger than its input");
    const std::int64_t step = window.stride[d];
    window.out[d] = (ceil_mode ? (room + step - 1) / step : room / step) + 1;
    // A last window that would start in the end padding is left out, as in PyTorch.
    if (ceil_mode && (window.out[d] - 1) * step >= window.in[d] + window.pad_begin[d]) {
      --window.out[d];
    }
  }
  return window;
}

}  // namespace caft::reference
