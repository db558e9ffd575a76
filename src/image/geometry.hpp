// Where a resize and a centre crop take each output pixel from, as torchvision computes it.
#pragma once

#include <cstdint>

#include "caft/image/preprocess.hpp"

namespace caft::image {

/// One axis: the whole resized length, and the part of it that the crop keeps.
struct Axis {
  int in = 0;              ///< samples in the image
  std::int64_t out = 0;    ///< samples after Resize
  std::int64_t begin = 0;  ///< first of them that the crop keeps
  int kept = 0;            ///< how many it keeps
  int padding = 0;         ///< zeros before them, where the image is smaller than the crop

  [[nodiscard]] bool resized() const { return in != out; }
};

struct Geometry {
  Axis x, y;
};

/// For an image of at least 1x1 pixels and a specification whose sizes are positive.
Geometry make_geometry(int width, int height, const Preprocessing& spec);

}  // namespace caft::image
