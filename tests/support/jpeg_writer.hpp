// JPEGs of kinds that caft itself does not write, made with libjpeg.
#pragma once

#include <cstddef>
#include <vector>

#include "caft/image/image.hpp"
#include "image/jpeg_probe.hpp"

namespace caft::test {

enum class JpegColor { ycbcr, rgb, cmyk };

struct JpegKind {
  int quality = 90;
  image::ChromaSampling sampling = image::ChromaSampling::s420;
  bool progressive = false;
  bool arithmetic = false;
  int restart_rows = 0;  ///< a restart marker every so many rows of blocks
  JpegColor color = JpegColor::ycbcr;
};

/// Grey takes the red channel; CMYK is the inverted colours without black.
std::vector<std::byte> write_jpeg(const Image& image, const JpegKind& kind);

/// A photograph's stand-in: waves in colour, edges and a little noise, seeded.
Image make_photo(int width, int height, unsigned seed = 0);

/// An uncompressed 24-bit BMP.
std::vector<std::byte> write_bmp(const Image& image);

}  // namespace caft::test
