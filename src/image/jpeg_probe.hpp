// Which JPEG files a GPU may decode, told from the file alone.
#pragma once

#include <cstdint>
#include <optional>

#include "image/decoders.hpp"

namespace caft::image {

/// How the two colour planes are sampled, horizontally and vertically, against the luma plane.
enum class ChromaSampling : std::uint8_t {
  grey,  ///< there are none
  s444,  ///< fully
  s422,  ///< every second column
  s420,  ///< every second column and row
  s440,  ///< every second row
};

/// An ordinary JPEG: 8 bits, Huffman-coded, baseline or progressive, grey or YCbCr.
struct JpegInfo {
  int width = 0, height = 0;
  ChromaSampling sampling = ChromaSampling::grey;
  bool progressive = false;

  [[nodiscard]] bool halves_x() const {
    return sampling == ChromaSampling::s422 || sampling == ChromaSampling::s420;
  }
  [[nodiscard]] bool halves_y() const {
    return sampling == ChromaSampling::s440 || sampling == ChromaSampling::s420;
  }
  /// Of a colour plane, 0 when grey.
  [[nodiscard]] int chroma_width() const {
    return sampling == ChromaSampling::grey ? 0 : halves_x() ? (width + 1) / 2 : width;
  }
  [[nodiscard]] int chroma_height() const {
    return sampling == ChromaSampling::grey ? 0 : halves_y() ? (height + 1) / 2 : height;
  }
};

/// Reads the markers up to the first scan. Nothing where the file should go through decode_image,
/// which decodes it or says what is wrong: another format, CMYK, RGB, arithmetic coding, unusual
/// sampling, several scans of a baseline file, a truncated file (it does not end with its end
/// marker), damaged markers, over `options.limits`, or to be turned as its EXIF orientation says.
/// Allocates nothing.
std::optional<JpegInfo> probe_jpeg(Bytes file, const DecodeOptions& options);

}  // namespace caft::image
