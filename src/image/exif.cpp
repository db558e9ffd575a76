#include "image/exif.hpp"

#include <cstdint>
#include <cstring>
#include <optional>

namespace caft::image {
namespace {

/// Reads integers of a TIFF file, in its byte order; empty beyond its end.
class TiffReader {
 public:
  TiffReader(std::span<const std::byte> tiff, bool big_endian)
      : tiff_(tiff), big_endian_(big_endian) {}

  [[nodiscard]] std::optional<std::uint32_t> read(std::uint64_t offset, std::size_t size) const {
    if (offset > tiff_.size() || tiff_.size() - offset < size) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t at = offset + (big_endian_ ? i : size - 1 - i);
      value = value << 8 | std::to_integer<std::uint32_t>(tiff_[at]);
    }
    return value;
  }

 private:
  std::span<const std::byte> tiff_;
  bool big_endian_;
};

/// Bytes of a whole-number TIFF type, 0 for every other. BYTE is other: PIL reads it as text.
std::size_t integer_size(std::uint32_t type) {
  constexpr std::uint32_t kShort = 3, kLong = 4, kSignedShort = 8, kSignedLong = 9;
  if (type == kShort || type == kSignedShort) return 2;
  if (type == kLong || type == kSignedLong) return 4;
  return 0;
}

}  // namespace

int exif_orientation(std::span<const std::byte> exif) noexcept {
  constexpr char kPrefix[] = {'E', 'x', 'i', 'f', '\0', '\0'};
  if (exif.size() >= sizeof kPrefix && std::memcmp(exif.data(), kPrefix, sizeof kPrefix) == 0) {
    exif = exif.subspan(sizeof kPrefix);
  }
  if (exif.size() < 8) return 1;
  const bool big_endian = std::memcmp(exif.data(), "MM\0*", 4) == 0;
  if (!big_endian && std::memcmp(exif.data(), "II*\0", 4) != 0) return 1;

  const TiffReader tiff(exif, big_endian);
  const std::uint64_t directory = tiff.read(4, 4).value_or(0);
  const std::uint32_t entries = tiff.read(directory, 2).value_or(0);
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::uint64_t entry = directory + 2 + std::uint64_t{12} * i;
    const auto tag = tiff.read(entry, 2);
    if (!tag) return 1;
    if (*tag != 0x0112) continue;
    const std::size_t size = integer_size(tiff.read(entry + 2, 2).value_or(0));
    if (size == 0 || tiff.read(entry + 4, 4) != 1U) return 1;
    const std::uint32_t value = tiff.read(entry + 8, size).value_or(1);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace caft::image
