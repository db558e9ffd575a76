#include "image/exif.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace caft::image {
namespace {

using Block = std::string;

int orientation(const Block& block) { return exif_orientation(std::as_bytes(std::span(block))); }

Block little(const Block& entry) {
  return Block("II*\0\x08\0\0\0\x01\0", 10) + entry + Block(4, '\0');
}

TEST(Exif, ReadsShortAndLong) {
  EXPECT_EQ(orientation(little(Block("\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 12))), 6);
  EXPECT_EQ(orientation(little(Block("\x12\x01\x04\0\x01\0\0\0\x08\0\0\0", 12))), 8);
  EXPECT_EQ(
      orientation(Block("Exif\0\0", 6) + little(Block("\x12\x01\x03\0\x01\0\0\0\x03\0\0\0", 12))),
      3);
}

TEST(Exif, TakesAnythingElseForUpright) {
  EXPECT_EQ(orientation(""), 1);
  EXPECT_EQ(orientation("II*"), 1);
  EXPECT_EQ(orientation(little(Block("\x12\x01\x03\0\x01\0\0\0\x09\0\0\0", 12))),
            1);  // no such turn
  EXPECT_EQ(orientation(little(Block("\x12\x01\x03\0\x02\0\0\0\x06\0\0\0", 12))),
            1);  // two of them
  EXPECT_EQ(orientation(little(Block("\x12\x01\x02\0\x01\0\0\0\x06\0\0\0", 12))), 1);  // a text
  EXPECT_EQ(orientation(Block("II*\0\xF0\xFF\xFF\xFF\x01\0", 10)), 1);  // directory far outside
  EXPECT_EQ(orientation(Block("II*\0\x08\0\0\0\xFF\xFF", 10)), 1);  // entries that are not there
}

TEST(Exif, SurvivesEveryCutAndRandomBytes) {
  const Block whole = little(Block("\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 12));
  for (std::size_t size = 0; size < 20; ++size) EXPECT_EQ(orientation(whole.substr(0, size)), 1);
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    Block block = whole;
    for (int flips = 0; flips < 4; ++flips)
      block[random() % block.size()] = static_cast<char>(random());
    const int value = orientation(block);
    ASSERT_TRUE(value >= 1 && value <= 8);
  }
}

}  // namespace
}  // namespace caft::image
