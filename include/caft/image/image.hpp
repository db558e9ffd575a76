// Decoding of JPEG, PNG, WebP and BMP to 8-bit RGB, bounded against hostile files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace caft {

/// An 8-bit RGB image, rows top to bottom, pixels interleaved and packed: pixels[(y * width + x) *
/// 3 + c].
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> pixels;
};

/// What a decoder may spend on one file. Checked from the header, before anything is allocated;
/// scans are counted as they come, and together may not cover more than 16 times max_pixels.
struct DecodeLimits {
  std::uint64_t max_pixels = 178'956'970;  ///< Pillow's decompression-bomb threshold, as an error
  int max_jpeg_scans = 500;  ///< progressive JPEGs: a thousand-scan file costs minutes
};

struct DecodeOptions {
  DecodeLimits limits;
  bool exif_orientation = false;  ///< turn as PIL.ImageOps.exif_transpose does (JPEG, PNG, WebP)
};

/// Decodes by the file's magic bytes, never by its name, to what Pillow's `.convert("RGB")` gives:
/// grey and palette images are expanded, alpha is dropped (not blended), CMYK is converted as
/// Pillow does. 16-bit PNG samples are scaled by 1/257, where Pillow clips. Of an animation, the
/// first frame. Throws Error(bad_input) with the reason: unknown format, truncated, corrupt, over a
/// limit.
Image decode_image(std::span<const std::byte> file, const DecodeOptions& options = {});

/// Encodes a baseline JPEG (quality 1 to 100), for thumbnails.
std::vector<std::byte> encode_jpeg(const Image& image, int quality);

}  // namespace caft
