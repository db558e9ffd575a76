// Turns and mirrors whole images.
#pragma once

#include "caft/image/image.hpp"

namespace caft::image {

/// Undoes an EXIF orientation (1 to 8), as PIL.ImageOps.exif_transpose does. 1 returns the image.
Image apply_orientation(Image image, int orientation);

}  // namespace caft::image
