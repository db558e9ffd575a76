// The one EXIF field that changes pixels: the orientation.
#pragma once

#include <cstddef>
#include <span>

namespace caft::image {

/// The Orientation tag (0x0112) of IFD0 in an EXIF block, with or without its "Exif\0\0" prefix:
/// 1 to 8, and 1 where the block is malformed or lacks the tag (TIFF 6.0; EXIF 2.32, 4.6.4).
int exif_orientation(std::span<const std::byte> exif) noexcept;

}  // namespace caft::image
