// Chooses the decoder by magic bytes, and holds the checks that all decoders share.
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "caft/core/error.hpp"
#include "caft/image/image.hpp"
#include "image/decoders.hpp"

namespace caft {
namespace {

bool has(image::Bytes file, std::size_t offset, std::string_view magic) {
  return file.size() >= offset + magic.size() &&
         std::memcmp(file.data() + offset, magic.data(), magic.size()) == 0;
}

}  // namespace

Image decode_image(std::span<const std::byte> file, const DecodeOptions& options) {
  using namespace std::string_view_literals;
  if (has(file, 0, "\xFF\xD8\xFF"sv)) return image::decode_jpeg(file, options);
  if (has(file, 0, "\x89PNG\r\n\x1A\n"sv)) return image::decode_png(file, options);
  if (has(file, 0, "RIFF"sv) && has(file, 8, "WEBP"sv)) return image::decode_webp(file, options);
  if (has(file, 0, "BM"sv)) return image::decode_bmp(file, options);
  if (file.empty()) throw Error(ErrorKind::bad_input, "image file is empty");
  throw Error(ErrorKind::bad_input, "not an image that caft reads",
              "convert it to JPEG, PNG, WebP or BMP");
}

namespace image {

void fail(std::string_view format, std::string_view reason) {
  throw Error(ErrorKind::bad_input, fmt::format("{} image: {}", format, reason));
}

void check_size(std::string_view format, std::uint64_t width, std::uint64_t height,
                const DecodeLimits& limits) {
  constexpr std::uint64_t kMaxSide = std::numeric_limits<int>::max();
  if (width == 0 || height == 0) fail(format, fmt::format("empty, {}x{} pixels", width, height));
  if (width > kMaxSide || height > kMaxSide || width > limits.max_pixels / height) {
    fail(format,
         fmt::format("{}x{} pixels exceed the limit of {}", width, height, limits.max_pixels));
  }
}

Image make_image(std::uint64_t width, std::uint64_t height) {
  Image image;
  image.width = static_cast<int>(width);
  image.height = static_cast<int>(height);
  image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  return image;
}

}  // namespace image
}  // namespace caft
