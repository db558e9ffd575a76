#include "report/sample_picture.hpp"

#include <png.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace caft::sample {
namespace {

constexpr int kSide = 96;

std::string base64(const std::vector<std::uint8_t>& bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k) word = word << 8 | (k < left ? bytes[i + k] : 0U);
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= left ? kDigits[word >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

std::vector<std::uint8_t> encode_png(const std::vector<std::uint8_t>& pixels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = image.height = kSide;
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  std::vector<std::uint8_t> out(PNG_IMAGE_PNG_SIZE_MAX(image));
  size = out.size();
  if (png_image_write_to_memory(&image, out.data(), &size, 0, pixels.data(), 0, nullptr) == 0) {
    throw std::runtime_error(image.message);
  }
  out.resize(size);
  return out;
}

/// Whether the shape covers (x, y), both from -1 to 1.
bool covers(std::size_t kind, double x, double y) {
  const double radius = std::hypot(x, y);
  switch (kind % 6) {
    case 0:
      return radius < 0.62;  // disc
    case 1:
      return radius < 0.68 && radius > 0.4;  // ring
    case 2:
      return (std::abs(x) < 0.2 || std::abs(y) < 0.2) && radius < 0.75;  // cross
    case 3:
      return std::abs(x) < 0.55 && std::abs(y) < 0.55;  // square
    case 4:
      return y > -0.6 && y < 0.6 && std::abs(x) < (y + 0.6) * 0.55;  // triangle
    default:
      return std::abs(x) < 0.65 && std::abs(y) < 0.65 && std::fmod(x + 2, 0.36) < 0.18;  // stripes
  }
}

}  // namespace

std::string picture(std::size_t kind, std::uint32_t seed) {
  std::minstd_rand random(seed * 2654435761U + 17);
  std::uniform_real_distribution<double> any(-1, 1);
  const double dx = any(random) * 0.2, dy = any(random) * 0.2, zoom = 1 + any(random) * 0.25;
  const double turn = any(random) * 0.5;
  const double ground = 70 + 40 * any(random);
  double ink[3];
  for (double& channel : ink) channel = 165 + 70 * any(random);
  std::vector<std::uint8_t> pixels;
  pixels.reserve(kSide * kSide * 3);
  for (int row = 0; row < kSide; ++row) {
    for (int column = 0; column < kSide; ++column) {
      const double u = (column / (kSide / 2.0) - 1 - dx) * zoom;
      const double v = (row / (kSide / 2.0) - 1 - dy) * zoom;
      const bool inside = covers(kind, u * std::cos(turn) - v * std::sin(turn),
                                 u * std::sin(turn) + v * std::cos(turn));
      // Few grey levels of noise: the PNG stays small.
      const double noise = std::round(any(random)) * 6;
      for (const double channel : ink) {
        pixels.push_back(
            static_cast<std::uint8_t>(std::clamp((inside ? channel : ground) + noise, 0.0, 255.0)));
      }
    }
  }
  return "data:image/png;base64," + base64(encode_png(pixels));
}

}  // namespace caft::sample
