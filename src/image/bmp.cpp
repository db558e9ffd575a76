// BMP decoding: a small reader of our own (Microsoft's BITMAPINFOHEADER family, OS/2 1.x).
#include <bit>
#include <cstring>

#include "image/bmp_format.hpp"

namespace caft::image {
namespace {

using RowReader = void (*)(const BmpHeader&, const std::uint8_t* in, std::uint8_t* out);

void read_indexed_row(const BmpHeader& header, const std::uint8_t* in, std::uint8_t* out) {
  const auto bits = static_cast<unsigned>(header.bits);
  const unsigned per_byte = 8 / bits, mask = (1U << bits) - 1;
  for (std::size_t x = 0; x < header.width; ++x) {
    const auto shift = static_cast<unsigned>(8 - bits * (x % per_byte + 1));
    const unsigned index = static_cast<unsigned>(in[x / per_byte]) >> shift & mask;
    std::memcpy(out + x * 3, header.palette[index].data(), 3);
  }
}

void read_bgr_row(const BmpHeader& header, const std::uint8_t* in, std::uint8_t* out) {
  const std::size_t step = static_cast<std::size_t>(header.bits) / 8;
  for (std::size_t x = 0; x < header.width; ++x, in += step, out += 3) {
    out[0] = in[2];
    out[1] = in[1];
    out[2] = in[0];
  }
}

/// Samples of any width are scaled to 0..255, fractions dropped, as Pillow does for 5 and 6 bits.
void read_masked_row(const BmpHeader& header, const std::uint8_t* in, std::uint8_t* out) {
  const std::size_t step = static_cast<std::size_t>(header.bits) / 8;
  for (std::size_t x = 0; x < header.width; ++x, in += step, out += 3) {
    std::uint32_t pixel = 0;
    for (std::size_t i = step; i-- > 0;) pixel = pixel << 8 | in[i];
    for (std::size_t c = 0; c < 3; ++c) {
      const int shift = std::countr_zero(header.masks[c]);
      const std::uint64_t top = header.masks[c] >> shift;
      const std::uint64_t sample = (pixel & header.masks[c]) >> shift;
      out[c] = static_cast<std::uint8_t>(sample * 255 / top);
    }
  }
}

RowReader row_reader(const BmpHeader& header) {
  if (header.bits <= 8) return &read_indexed_row;
  const bool bgr = header.masks == std::array<std::uint32_t, 3>{0xFF0000, 0x00FF00, 0x0000FF};
  return bgr && header.bits >= 24 ? &read_bgr_row : &read_masked_row;
}

}  // namespace

Image decode_bmp(Bytes file, const DecodeOptions& options) {
  BmpHeader header = read_bmp_header(file, options.limits);
  const bool packed =
      header.compression == BmpCompression::rle8 || header.compression == BmpCompression::rle4;
  std::vector<std::uint8_t> unpacked;
  const std::uint8_t* rows = nullptr;
  std::uint64_t stride = 0;
  if (packed) {
    unpacked = decode_bmp_rle(file, header);
    header.bits = 8;
    rows = unpacked.data();
    stride = header.width;
  } else {
    const std::uint64_t row_bits = header.width * static_cast<std::uint64_t>(header.bits);
    stride = (row_bits + 31) / 32 * 4;
    // The last row's padding may be missing: some writers leave it out.
    const std::uint64_t needed = stride * (header.height - 1) + (row_bits + 7) / 8;
    if (header.pixel_offset > file.size() || file.size() - header.pixel_offset < needed) {
      fail(kBmp, "truncated");
    }
    rows = reinterpret_cast<const std::uint8_t*>(file.data()) + header.pixel_offset;
  }

  Image image = make_image(header.width, header.height);
  const RowReader read_row = row_reader(header);
  for (std::uint64_t y = 0; y < header.height; ++y) {
    const std::uint64_t row = header.top_down ? y : header.height - 1 - y;
    read_row(header, rows + row * stride, image.pixels.data() + y * header.width * 3);
  }
  return image;
}

}  // namespace caft::image
