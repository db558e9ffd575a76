// What the decoders of the single formats share. Each is called with bytes whose magic matched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "caft/image/image.hpp"

namespace caft::image {

using Bytes = std::span<const std::byte>;

Image decode_bmp(Bytes file, const DecodeOptions& options);
Image decode_jpeg(Bytes file, const DecodeOptions& options);
Image decode_png(Bytes file, const DecodeOptions& options);
Image decode_webp(Bytes file, const DecodeOptions& options);

/// Throws Error(bad_input): "JPEG image: <reason>".
[[noreturn]] void fail(std::string_view format, std::string_view reason);

/// Throws Error(bad_input) unless both sides are positive, fit an int and together stay within the
/// limit. To be called before anything of that size is allocated.
void check_size(std::string_view format, std::uint64_t width, std::uint64_t height,
                const DecodeLimits& limits);

/// An image of a size that check_size accepted, all pixels black.
Image make_image(std::uint64_t width, std::uint64_t height);

inline std::uint8_t byte_at(Bytes bytes, std::size_t index) {
  return std::to_integer<std::uint8_t>(bytes[index]);
}

}  // namespace caft::image
