// Conv: 2-D convolution with groups, strides, pads and dilations.
#include <algorithm>

#include "engine/reference/operators.hpp"
#include "engine/reference/window.hpp"
#include "engine/views.hpp"

namespace caft::reference {
namespace {

/// Adds one input channel seen through one filter plane. Loops run over the outputs innermost: it
/// vectorises, and each output's own sum keeps its order.
void accumulate(const Window& window, const float* plane, const float* filter, float* out) {
  const std::int64_t in_width = window.in[1], out_width = window.out[1];
  const std::int64_t step = window.stride[1];
  for (std::int64_t ky = 0; ky < window.kernel[0]; ++ky) {
    const Window::Span rows = window.inside(0, ky);
    for (std::int64_t kx = 0; kx < window.kernel[1]; ++kx) {
      const float weight = filter[ky * window.kernel[1] + kx];
      const Window::Span columns = window.inside(1, kx);
      for (std::int64_t y = rows.first; y < rows.last; ++y) {
        const float* from = plane + window.at(0, y, ky) * in_width;
        float* to = out + y * out_width;
        const std::int64_t shift = window.at(1, 0, kx);
        if (step == 1) {
          for (std::int64_t x = columns.first; x < columns.last; ++x) {
            to[x] += weight * from[x + shift];
          }
        } else {
          for (std::int64_t x = columns.first; x < columns.last; ++x) {
            to[x] += weight * from[x * step + shift];
          }
        }
      }
    }
  }
}

}  // namespace

Tensor conv(const Call& call) {
  const Tensor& input = call.real(0, 4);
  const Tensor& weight = call.real(1, 4);
  const std::int64_t groups = call.integer("group", 1);
  const std::int64_t channels = input.shape[1], filters = weight.shape[0];
  if (groups < 1 || channels % groups != 0 || filters % groups != 0 ||
      weight.shape[1] != channels / groups) {
    call.fail("weights " + shape_text(weight.shape) + " do not fit input " +
              shape_text(input.shape) + " in " + std::to_string(groups) + " groups");
  }
  const Window window = read_window(call, input.shape, {weight.shape[2], weight.shape[3]});
  const Tensor* bias = call.optional(2);
  if (bias != nullptr && call.real(2, 1).shape[0] != filters)
    call.fail("the bias has a wrong size");

  Tensor result = call.make({input.shape[0], filters, window.out[0], window.out[1]});
  if (call.shapes_only()) return result;
  const std::int64_t in_plane = window.in[0] * window.in[1];
  const std::int64_t out_plane = window.out[0] * window.out[1];
  const std::int64_t filter_plane = window.kernel[0] * window.kernel[1];
  const std::int64_t group_channels = channels / groups, group_filters = filters / groups;
  for (std::int64_t n = 0; n < input.shape[0]; ++n) {
    for (std::int64_t f = 0; f < filters; ++f) {
      float* out = result.floats.data() + (n * filters + f) * out_plane;
      if (bias != nullptr) std::fill_n(out, out_plane, bias->floats[static_cast<std::size_t>(f)]);
      const std::int64_t first = f / group_filters * group_channels;
      for (std::int64_t c = 0; c < group_channels; ++c) {
        accumulate(window, input.floats.data() + (n * channels + first + c) * in_plane,
                   weight.floats.data() + (f * group_channels + c) * filter_plane, out);
      }
    }
  }
  return result;
}

}  // namespace caft::reference
