#include <gtest/gtest.h>

#include <cstdlib>

#include "caft/core/error.hpp"
#include "caft/image/image.hpp"

namespace caft {
namespace {

Image gradient(int width, int height) {
  Image image{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (const int value : {x * 255 / width, y * 255 / height, 128}) {
        image.pixels.push_back(static_cast<std::uint8_t>(value));
      }
    }
  }
  return image;
}

TEST(EncodeJpeg, ComesBackNearlyTheSame) {
  for (const auto& [width, height] : {std::pair{1, 1}, {63, 41}, {160, 120}}) {
    const Image image = gradient(width, height);
    const Image back = decode_image(encode_jpeg(image, 95));
    ASSERT_EQ(back.width, width);
    ASSERT_EQ(back.height, height);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) {
      ASSERT_LE(std::abs(int{image.pixels[i]} - int{back.pixels[i]}), 12) << "byte " << i;
    }
  }
}

TEST(EncodeJpeg, LowerQualityIsSmaller) {
  const Image image = gradient(160, 120);
  EXPECT_LT(encode_jpeg(image, 20).size(), encode_jpeg(image, 95).size());
}

TEST(EncodeJpeg, RefusesNonsense) {
  EXPECT_THROW(encode_jpeg(gradient(4, 4), 0), Error);
  EXPECT_THROW(encode_jpeg(gradient(4, 4), 101), Error);
  EXPECT_THROW(encode_jpeg(Image{}, 90), Error);
  EXPECT_THROW(encode_jpeg(Image{70000, 1, std::vector<std::uint8_t>(210000)}, 90), Error);
  EXPECT_THROW(encode_jpeg(Image{4, 4, std::vector<std::uint8_t>(47)}, 90), Error);
}

}  // namespace
}  // namespace caft
