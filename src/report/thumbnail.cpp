#include "report/thumbnail.hpp"

#include <openssl/evp.h>

#include <algorithm>

#include "caft/core/error.hpp"
#include "caft/image/image.hpp"
#include "caft/image/preprocess.hpp"

namespace caft::report {
namespace {

std::string base64(const std::vector<std::byte>& bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

}  // namespace

std::string thumbnail_uri(const ImageSource& source, int side) {
  try {
    const Image image = decode_image(read_source(source));
    const double scale =
        std::min(1.0, static_cast<double>(side) / std::max(image.width, image.height));
    Preprocessing spec;
    spec.mode = ResizeMode::exact;
    spec.width = std::max(1, static_cast<int>(image.width * scale));
    spec.height = std::max(1, static_cast<int>(image.height * scale));
    Image small{.width = spec.width, .height = spec.height};
    small.pixels.resize(static_cast<std::size_t>(spec.width) *
                        static_cast<std::size_t>(spec.height) * 3);
    resize_and_crop(image, spec, small.pixels);
    constexpr int kQuality = 80;
    return "data:image/jpeg;base64," + base64(encode_jpeg(small, kQuality));
  } catch (const Error&) {
    return {};
  }
}

}  // namespace caft::report
