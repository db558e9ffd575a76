// The header of a Windows or OS/2 bitmap, read and checked.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "image/decoders.hpp"

namespace caft::image {

inline constexpr std::string_view kBmp = "BMP";

enum class BmpCompression : std::uint8_t { none, rle8, rle4, bitfields };

using Rgb = std::array<std::uint8_t, 3>;

struct BmpHeader {
  std::uint64_t width = 0;
  std::uint64_t height = 0;
  bool top_down = false;
  int bits = 0;  ///< a pixel: 1, 4, 8, 16, 24 or 32
  BmpCompression compression = BmpCompression::none;
  std::array<std::uint32_t, 3> masks{};  ///< red, green, blue, of 16- and 32-bit pixels
  std::array<Rgb, 256> palette{};        ///< of up to 8 bits
  std::uint64_t pixel_offset = 0;
};

/// The little-endian integer at `offset`. Throws Error(bad_input) beyond the end of the file.
std::uint32_t bmp_u16(Bytes file, std::uint64_t offset);
std::uint32_t bmp_u32(Bytes file, std::uint64_t offset);

/// Reads header, masks and palette; checks depth, compression and size.
BmpHeader read_bmp_header(Bytes file, const DecodeLimits& limits);

/// Expands run-length coded pixels (RLE8, RLE4) to one index a byte, rows in file order (the first
/// is the bottom one unless top-down), indices that the file skips 0.
std::vector<std::uint8_t> decode_bmp_rle(Bytes file, const BmpHeader& header);

}  // namespace caft::image
