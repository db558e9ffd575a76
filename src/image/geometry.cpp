#include "image/geometry.hpp"

namespace caft::image {
namespace {

/// Python's round(numerator / 2.0): halves go to the even neighbour.
std::int64_t round_half(std::int64_t numerator) {
  const std::int64_t floor = numerator / 2;
  return floor + (numerator % 2 != 0 && floor % 2 != 0 ? 1 : 0);
}

/// torchvision's CenterCrop along one axis.
Axis crop_axis(int in, std::int64_t out, int crop) {
  Axis axis{in, out, 0, crop, 0};
  if (crop > out) {
    axis.padding = static_cast<int>((crop - out) / 2);
    axis.kept = static_cast<int>(out);
  } else {
    axis.begin = round_half(out - crop);
  }
  return axis;
}

}  // namespace

Geometry make_geometry(int width, int height, const Preprocessing& spec) {
  if (spec.mode == ResizeMode::exact) {
    return {crop_axis(width, spec.width, spec.width), crop_axis(height, spec.height, spec.height)};
  }
  // torchvision: int(size * long / short), the division in double.
  const auto scaled = [&](int side, int other) -> std::int64_t {
    if (side <= other) return spec.resize;
    return static_cast<std::int64_t>(static_cast<double>(std::int64_t{spec.resize} * side) /
                                     static_cast<double>(other));
  };
  return {crop_axis(width, scaled(width, height), spec.width),
          crop_axis(height, scaled(height, width), spec.height)};
}

}  // namespace caft::image
