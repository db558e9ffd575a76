#include "image/orient.hpp"

#include <cstddef>
#include <utility>

namespace caft::image {

Image apply_orientation(Image image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  // Where the stored picture's axes run in the upright one: orientations 5 to 8 swap them, then
  // either may run backwards.
  const bool swap = orientation >= 5;
  const bool flip_x = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool flip_y = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;

  Image upright;
  upright.width = swap ? image.height : image.width;
  upright.height = swap ? image.width : image.height;
  upright.pixels.resize(image.pixels.size());
  const auto stored_stride = static_cast<std::ptrdiff_t>(image.width) * 3;
  const std::ptrdiff_t along_x = swap ? stored_stride : 3;
  const std::ptrdiff_t along_y = swap ? 3 : stored_stride;

  std::uint8_t* out = upright.pixels.data();
  for (int y = 0; y < upright.height; ++y) {
    const std::ptrdiff_t row = (flip_y ? upright.height - 1 - y : y) * along_y;
    for (int x = 0; x < upright.width; ++x, out += 3) {
      const std::uint8_t* in =
          image.pixels.data() + row + (flip_x ? upright.width - 1 - x : x) * along_x;
      out[0] = in[0];
      out[1] = in[1];
      out[2] = in[2];
    }
  }
  return upright;
}

}  // namespace caft::image
