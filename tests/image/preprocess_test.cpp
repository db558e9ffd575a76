// resize_and_crop must give the bits of torchvision's Resize and CenterCrop on Pillow images.
#include <cmath>
#include <cstring>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "caft/core/error.hpp"
#include "caft/image/preprocess.hpp"
#include "image/image_cases.hpp"

namespace caft {
namespace {

std::size_t size_of(const Preprocessing& spec) {
  return static_cast<std::size_t>(spec.height) * static_cast<std::size_t>(spec.width) * 3;
}

TEST(Preprocess, EqualsTorchvision) {
  const nlohmann::json cases = image_cases::list("preprocess");
  ASSERT_GT(cases.size(), 100U);
  for (const auto& one : cases) {
    SCOPED_TRACE(one.at("file").get<std::string>() + " " + one.at("spec").dump());
    const Image image = decode_image(image_cases::read(one.at("file").get<std::string>()));
    const Preprocessing spec = preprocessing_from_json(one.at("spec"));
    std::vector<std::uint8_t> out(size_of(spec), 77);
    resize_and_crop(image, spec, out);
    const auto expected = image_cases::read(one.at("expected").get<std::string>());
    ASSERT_EQ(out.size(), expected.size());
    EXPECT_EQ(std::memcmp(out.data(), expected.data(), out.size()), 0);

    if (!one.contains("normalized")) continue;
    const auto raw = image_cases::read(one.at("normalized").get<std::string>());
    std::vector<float> wanted(raw.size() / sizeof(float)), values(out.size());
    std::memcpy(wanted.data(), raw.data(), raw.size());
    normalize_to_chw(out, spec, values);
    ASSERT_EQ(values.size(), wanted.size());
    for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], wanted[i]) << i;
  }
}

Image random_image(int width, int height) {
  std::mt19937 random(static_cast<unsigned>(width * 31 + height));
  Image image{width, height, {}};
  image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  for (auto& value : image.pixels) value = static_cast<std::uint8_t>(random());
  return image;
}

TEST(Preprocess, CropOfAResizeIsThatPartOfTheResize) {
  // A large crop and a small one of the same resize share their centre.
  const Image image = random_image(211, 307);
  Preprocessing large, small;
  large.resize = small.resize = 100;
  large.width = large.height = 100;
  small.width = small.height = 60;
  std::vector<std::uint8_t> outer(size_of(large)), inner(size_of(small));
  resize_and_crop(image, large, outer);
  resize_and_crop(image, small, inner);
  for (std::size_t y = 0; y < 60; ++y) {
    ASSERT_EQ(std::memcmp(&inner[y * 180], &outer[((y + 20) * 100 + 20) * 3], 180), 0) << y;
  }
}

TEST(Preprocess, RefusesAWrongOutputAndNonsense) {
  const Image image = random_image(20, 10);
  Preprocessing spec;
  std::vector<std::uint8_t> out(size_of(spec));
  EXPECT_THROW(resize_and_crop(image, spec, std::span(out).first(out.size() - 1)), Error);
  EXPECT_THROW(resize_and_crop(Image{}, spec, out), Error);
  Image broken = image;
  broken.pixels.pop_back();
  EXPECT_THROW(resize_and_crop(broken, spec, out), Error);
  spec.resize = 0;
  EXPECT_THROW(resize_and_crop(image, spec, out), Error);
  std::vector<float> values(out.size() - 3);
  EXPECT_THROW(normalize_to_chw(out, Preprocessing{}, values), Error);
}

TEST(Preprocess, RefusesAnImageThatTakesGigabytesToResize) {
  const Image strip = random_image(1, 40'000'000);
  Preprocessing spec;
  spec.mode = ResizeMode::exact;
  std::vector<std::uint8_t> out(size_of(spec));
  try {
    resize_and_crop(strip, spec, out);
    FAIL() << "resized";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_input);
  }
  spec.mode = ResizeMode::short_side;  // enlarged to ten milliards of rows, of which 224 are wanted
  EXPECT_NO_THROW(resize_and_crop(strip, spec, out));
}

}  // namespace
}  // namespace caft
