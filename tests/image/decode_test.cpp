// Every file must decode to the bits that Pillow gives (16-bit PNG: to the nearest 1/257).
#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "caft/core/error.hpp"
#include "caft/image/image.hpp"
#include "image/image_cases.hpp"

namespace caft {
namespace {

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

class DecodeTest : public testing::TestWithParam<const char*> {};

TEST_P(DecodeTest, EqualsPillow) {
  int cases = 0;
  for (const auto& one : image_cases::list("decode")) {
    const auto name = one.at("file").get<std::string>();
    if (!ends_with(name, GetParam())) continue;
    SCOPED_TRACE(name);
    ++cases;
    DecodeOptions options;
    options.exif_orientation = one.at("exif").get<bool>();
    Image image;
    ASSERT_NO_THROW(image = decode_image(image_cases::read(name), options));
    ASSERT_EQ(image.width, one.at("width").get<int>());
    ASSERT_EQ(image.height, one.at("height").get<int>());
    const auto expected = image_cases::read(one.at("expected").get<std::string>());
    ASSERT_EQ(image.pixels.size(), expected.size());
    std::size_t different = 0, at = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (image.pixels[i] == std::to_integer<std::uint8_t>(expected[i])) continue;
      if (different++ == 0) at = i;
    }
    EXPECT_EQ(different, 0U) << "first at byte " << at << ": " << int{image.pixels[at]} << " for "
                             << std::to_integer<int>(expected[at]);
  }
  EXPECT_GT(cases, 10);
}

INSTANTIATE_TEST_SUITE_P(Formats, DecodeTest, testing::Values(".jpg", ".png", ".webp", ".bmp"),
                         [](const auto& format) { return std::string(format.param).substr(1); });

TEST(Decode, RefusesWhatIsNoImage) {
  for (const std::string text : {"", "B", "BM", "GIF89a............", "RIFF....WAVE", "\xFF\xD8"}) {
    SCOPED_TRACE(text);
    try {
      decode_image(std::as_bytes(std::span(text)));
      FAIL() << "decoded";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_input);
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
}

TEST(Decode, HonoursThePixelLimit) {
  DecodeOptions options;
  for (const char* name :
       {"rgb_33x47_2_0.jpg", "rgb8_33x47.png", "rgb_33x47_0.webp", "rgb24_33x47.bmp"}) {
    SCOPED_TRACE(name);
    options.limits.max_pixels = 33 * 47;
    EXPECT_NO_THROW(decode_image(image_cases::read(name), options));
    options.limits.max_pixels = 33 * 47 - 1;
    EXPECT_THROW(decode_image(image_cases::read(name), options), Error);
  }
}

}  // namespace
}  // namespace caft
