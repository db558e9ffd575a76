// Hashes: XXH3 for content keys and checksums (fast), SHA-256 for artefacts (identity).
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

namespace caft {

/// A 128-bit content key: XXH3-128 of bytes in its canonical (big-endian) form.
struct Key128 {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const Key128&) const = default;
};

Key128 xxh3_128(std::span<const std::byte> data);
std::uint64_t xxh3_64(std::span<const std::byte> data);

/// 32 lower-case hexadecimal digits.
std::string to_hex(const Key128& key);

/// SHA-256 (FIPS 180-4) as 64 lower-case hexadecimal digits. The file form throws Error(io).
std::string sha256(std::span<const std::byte> data);
std::string sha256_file(const std::filesystem::path& file);

}  // namespace caft

template <>
struct std::hash<caft::Key128> {
  std::size_t operator()(const caft::Key128& key) const noexcept {
    std::size_t word = 0;  // the key is itself a good hash: its first eight bytes serve
    for (int i = 0; i < 8; ++i) word = word << 8 | key.bytes[static_cast<std::size_t>(i)];
    return word;
  }
};
