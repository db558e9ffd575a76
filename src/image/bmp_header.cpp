#include <bit>

#include <fmt/format.h>

#include "image/bmp_format.hpp"

namespace caft::image {
namespace {

constexpr std::uint64_t kFileHeader = 14;  // "BM", size, reserved, offset of the pixels
constexpr std::uint32_t kCoreHeader = 12;  // OS/2 1.x; every other is a BITMAPINFOHEADER and more

BmpCompression read_compression(std::uint32_t code, int bits) {
  const bool fits = code == 0 || (code == 1 && bits == 8) || (code == 2 && bits == 4) ||
                    (code == 3 && (bits == 16 || bits == 24 || bits == 32));
  if (!fits)
    fail(kBmp, fmt::format("compression {} of {}-bit pixels is not supported", code, bits));
  return static_cast<BmpCompression>(code);
}

std::array<std::uint32_t, 3> read_masks(Bytes file, BmpHeader& header) {
  using Masks = std::array<std::uint32_t, 3>;
  constexpr Masks kRgb8{0xFF0000, 0x00FF00, 0x0000FF}, kRgb5{0x7C00, 0x03E0, 0x001F};
  if (header.compression != BmpCompression::bitfields) return header.bits == 16 ? kRgb5 : kRgb8;
  Masks
      masks;  // in the 40-byte header's case they follow it, in longer ones they are its next part
  for (std::size_t i = 0; i < 3; ++i) masks[i] = bmp_u32(file, kFileHeader + 40 + 4 * i);
  if (header.bits == 32 && masks == Masks{0, 0, 0}) return kRgb8;
  for (const std::uint32_t mask : masks) {
    const bool contiguous =
        mask != 0 && std::has_single_bit((mask >> std::countr_zero(mask)) + 1ULL);
    if (!contiguous || (header.bits < 32 && mask >> header.bits != 0)) {
      fail(kBmp,
           fmt::format("colour mask {:#x} of {}-bit pixels makes no sense", mask, header.bits));
    }
  }
  if ((masks[0] & masks[1]) != 0 || (masks[0] & masks[2]) != 0 || (masks[1] & masks[2]) != 0) {
    fail(kBmp, "colour masks overlap");
  }
  return masks;
}

/// Reads `count` entries of `entry` bytes (blue, green, red[, 0]). An index past the palette's end
/// is its own grey, as in Pillow.
void read_palette(Bytes file, std::uint64_t offset, std::uint64_t count, std::uint64_t entry,
                  BmpHeader& header) {
  for (std::size_t i = 0; i < 256; ++i) header.palette[i].fill(static_cast<std::uint8_t>(i));
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(count, 256); ++i) {
    const std::uint64_t at = offset + i * entry;
    if (at + entry > file.size()) fail(kBmp, "truncated in the palette");
    header.palette[i] = {byte_at(file, at + 2), byte_at(file, at + 1), byte_at(file, at)};
  }
}

}  // namespace

std::uint32_t bmp_u16(Bytes file, std::uint64_t offset) {
  if (offset > file.size() || file.size() - offset < 2) fail(kBmp, "truncated in the header");
  return byte_at(file, offset) | std::uint32_t{byte_at(file, offset + 1)} << 8;
}

std::uint32_t bmp_u32(Bytes file, std::uint64_t offset) {
  return bmp_u16(file, offset) | bmp_u16(file, offset + 2) << 16;
}

BmpHeader read_bmp_header(Bytes file, const DecodeLimits& limits) {
  BmpHeader header;
  header.pixel_offset = bmp_u32(file, 10);
  const std::uint32_t size = bmp_u32(file, kFileHeader);
  const bool core = size == kCoreHeader;
  if (!core && size != 40 && size != 52 && size != 56 && size != 64 && size != 108 && size != 124) {
    fail(kBmp, fmt::format("header of {} bytes is of no known version", size));
  }

  std::uint32_t compression = 0, colors = 0;
  if (core) {
    header.width = bmp_u16(file, 18);
    header.height = bmp_u16(file, 20);
    header.bits = static_cast<int>(bmp_u16(file, 24));
  } else {
    const auto width = static_cast<std::int32_t>(bmp_u32(file, 18));
    const auto height = static_cast<std::int32_t>(bmp_u32(file, 22));
    if (width < 0) fail(kBmp, "negative width");
    header.top_down = height < 0;
    header.width = static_cast<std::uint64_t>(width);
    header.height = static_cast<std::uint64_t>(height < 0 ? -std::int64_t{height} : height);
    header.bits = static_cast<int>(bmp_u16(file, 28));
    compression = bmp_u32(file, 30);
    colors = bmp_u32(file, 46);
  }
  const int bits = header.bits;
  if (bits != 1 && bits != 4 && bits != 8 && bits != 16 && bits != 24 && bits != 32) {
    fail(kBmp, fmt::format("{}-bit pixels are not supported", bits));
  }
  header.compression = read_compression(compression, bits);
  check_size(kBmp, header.width, header.height, limits);
  if (bits > 8) {
    header.masks = read_masks(file, header);
  }

  const bool masks_follow = size == 40 && header.compression == BmpCompression::bitfields;
  const std::uint64_t header_end = kFileHeader + size + (masks_follow ? 12 : 0);
  const std::uint64_t entry = core ? 3 : 4;
  std::uint64_t palette_bytes = 0;
  if (bits <= 8) {
    const std::uint64_t count = colors != 0 ? colors : 1ULL << bits;
    read_palette(file, header_end, count, entry, header);
    palette_bytes = count * entry;
  }
  // Some writers give the palette's offset, or none, where that of the pixels belongs.
  if (header.pixel_offset == 0 || (bits <= 8 && header.pixel_offset == header_end)) {
    header.pixel_offset = header_end + palette_bytes;
  }
  return header;
}

}  // namespace caft::image
