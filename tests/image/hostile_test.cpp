// Damaged and malicious files: always Error(bad_input), never a crash, a hang or a huge allocation.
#include <cstring>
#include <optional>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "caft/core/error.hpp"
#include "caft/image/image.hpp"
#include "image/image_cases.hpp"

namespace caft {
namespace {

using Bytes = std::vector<std::byte>;

/// One file of every decoder's every branch, small enough to damage in a thousand ways.
const char* const kSamples[] = {
    "rgb_33x47_2_0.jpg",
    "rgb_33x47_0_1.jpg",
    "grey_33x47.jpg",
    "ycck_33x47.jpg",
    "exif_6_be.jpg",
    "rgb8_33x47.png",
    "rgba16_33x47.png",
    "palette4_33x47.png",
    "rgb8_33x47_adam7.png",
    "grey1_33x47.png",
    "exif_6.png",
    "rgb_33x47_0.webp",
    "rgba_33x47_0.webp",
    "rgba_33x47_1.webp",
    "exif_6.webp",
    "animated.webp",
    "palette1_33x47.bmp",
    "palette8_33x47.bmp",
    "rgb24_33x47_top.bmp",
    "rle8_33x47.bmp",
    "rle4_33x47.bmp",
    "os2_palette_33x47.bmp",
    "fields16_f800_33x47.bmp",
    "fields32_124_33x47.bmp",
};

/// The picture, or nothing after Error(bad_input). Any other exception fails the test.
std::optional<Image> try_decode(const Bytes& file) {
  DecodeOptions options;
  options.exif_orientation = true;
  options.limits.max_pixels = 1 << 22;
  try {
    return decode_image(file, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_input) << error.what();
    const std::string text = error.what();
    EXPECT_FALSE(text.empty());
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  }
  return std::nullopt;
}

void put_be16(Bytes& file, std::size_t at, unsigned value) {
  file.at(at) = static_cast<std::byte>(value >> 8);
  file.at(at + 1) = static_cast<std::byte>(value & 0xFF);
}

/// Where the first `marker` (0xFF, code) of a JPEG lies.
std::size_t find_marker(const Bytes& file, unsigned code, std::size_t from = 2) {
  for (std::size_t at = from; at + 1 < file.size(); ++at) {
    if (file[at] == std::byte{0xFF} && file[at + 1] == static_cast<std::byte>(code)) return at;
  }
  throw std::runtime_error("no such marker");
}

/// Why the file is refused; empty where it is not.
std::string refusal(const Bytes& file) {
  try {
    decode_image(file);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_input);
    return error.what();
  }
  return {};
}

TEST(Hostile, EveryTruncationIsAnError) {
  for (const char* name : kSamples) {
    const Bytes whole = image_cases::read(name);
    const auto intact = try_decode(whole);
    ASSERT_TRUE(intact.has_value()) << name;
    const std::size_t step = std::max<std::size_t>(1, whole.size() / 700);
    for (std::size_t size = 0; size < whole.size(); size += step) {
      const auto cut =
          try_decode(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
      if (!cut) continue;
      // A bitmap may lack its last row's padding or the mark of its end: then every pixel is there.
      ASSERT_TRUE(std::strstr(name, ".bmp") != nullptr && whole.size() - size <= 4)
          << name << " cut to " << size << " of " << whole.size();
      EXPECT_EQ(cut->pixels, intact->pixels) << name << " cut to " << size;
    }
  }
}

TEST(Hostile, FlippedBitsNeverCrash) {
  std::mt19937 random(3);
  int refused = 0;
  for (const char* name : kSamples) {
    SCOPED_TRACE(name);
    const Bytes whole = image_cases::read(name);
    for (int i = 0; i < 400; ++i) {
      Bytes damaged = whole;
      // Half of the damage goes to the header, where it is worst.
      const std::size_t reach =
          i % 2 == 0 ? damaged.size() : std::min<std::size_t>(damaged.size(), 160);
      for (int flips = 0; flips <= i % 5; ++flips) {
        damaged[random() % reach] ^= static_cast<std::byte>(1U << random() % 8);
      }
      if (!try_decode(damaged)) ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(Hostile, RandomBytesAfterEveryMagic) {
  std::mt19937 random(4);
  for (const std::string magic :
       {"\xFF\xD8\xFF", "\x89PNG\r\n\x1A\n", "RIFF\x40\1\1\1WEBPVP8 ", "BM"}) {
    for (int i = 0; i < 2000; ++i) {
      Bytes file(16 + random() % 200);
      for (auto& byte : file) byte = static_cast<std::byte>(random());
      std::memcpy(file.data(), magic.data(), magic.size());
      try_decode(file);
    }
  }
}

TEST(Hostile, JpegThatClaimsToBeHuge) {
  const Bytes small = image_cases::read("rgb_33x47_2_0.jpg");
  const std::size_t frame = find_marker(small, 0xC0);
  const auto resized = [&](unsigned height, unsigned width) {
    Bytes file = small;
    put_be16(file, frame + 5, height);
    put_be16(file, frame + 7, width);
    return refusal(file);
  };
  EXPECT_NE(resized(65535, 65535), "");  // past libjpeg's own limit
  EXPECT_EQ(resized(65500, 65500), "JPEG image: 65500x65500 pixels exceed the limit of 178956970");
  EXPECT_NE(resized(13000, 13000).find("cannot hold 13000x13000"), std::string::npos);
  EXPECT_NE(resized(0, 33), "");
  EXPECT_NE(resized(47, 0), "");
}

TEST(Hostile, JpegOfAThousandScans) {
  const Bytes whole = image_cases::read("rgb_101x64_2_1.jpg");
  std::size_t last = find_marker(whole, 0xDA);
  for (std::size_t at = last;; last = at) {
    try {
      at = find_marker(whole, 0xDA, last + 2);
    } catch (const std::runtime_error&) {
      break;
    }
  }
  Bytes file(whole.begin(), whole.end() - 2);  // without the end-of-image marker
  for (int i = 0; i < 1000; ++i) {
    file.insert(file.end(), whole.begin() + static_cast<std::ptrdiff_t>(last), whole.end() - 2);
  }
  file.insert(file.end(), whole.end() - 2, whole.end());
  EXPECT_EQ(refusal(file), "JPEG image: more than 500 scans exceed the limit");
  DecodeOptions options;
  options.limits.max_jpeg_scans = 2000;
  EXPECT_NO_THROW(decode_image(file, options));  // so it was the limit, and nothing else
  options.limits.max_pixels = 101 * 64;          // many scans of an image as large as may be
  EXPECT_THROW(decode_image(file, options), Error);
}

/// A PNG of 16-bit RGBA that ends where its pixels should begin.
Bytes png_header(std::uint32_t width, std::uint32_t height) {
  Bytes file;
  const auto put = [&](std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8)
      file.push_back(static_cast<std::byte>(value >> shift));
  };
  const auto text = [&](const std::string& bytes) {
    for (const char c : bytes) file.push_back(static_cast<std::byte>(c));
  };
  text("\x89PNG\r\n\x1A\n");
  put(13);
  text("IHDR");
  put(width);
  put(height);
  text(std::string("\x10\x06\0\0\0", 5));
  std::uint32_t sum = 0xFFFFFFFF;  // CRC-32 of the chunk's type and data
  for (std::size_t i = 12; i < file.size(); ++i) {
    sum ^= std::to_integer<std::uint32_t>(file[i]);
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (sum % 2 != 0 ? 0xEDB88320 : 0);
  }
  put(~sum);
  put(0);
  text("IDAT");
  return file;
}

TEST(Hostile, PngThatClaimsToBeHuge) {
  EXPECT_EQ(refusal(png_header(13000, 13000)),
            "PNG image: truncated: 41 bytes cannot hold 13000x13000 pixels");
  EXPECT_EQ(refusal(png_header(65535, 65535)),
            "PNG image: 65535x65535 pixels exceed the limit of 178956970");
  EXPECT_EQ(refusal(png_header(0x7FFFFFFF, 0x7FFFFFFF)),
            "PNG image: 2147483647x2147483647 pixels exceed the limit of 178956970");
  EXPECT_EQ(refusal(png_header(1, 1)), "PNG image: truncated");
  EXPECT_NE(refusal(png_header(0, 7)), "");
  EXPECT_NE(refusal(png_header(7, 0)), "");
}

TEST(Hostile, BmpThatClaimsToBeHuge) {
  const Bytes small = image_cases::read("rgb24_33x47.bmp");
  for (const std::int32_t side : {65535, 13000, 0x7FFFFFFF, -1, 0}) {
    for (const std::size_t field : {18U, 22U}) {
      Bytes file = small;
      std::memcpy(&file[field], &side, 4);
      if (side == -1 && field == 22) continue;  // one row, top-down: a good file
      EXPECT_THROW(decode_image(file), Error) << side;
    }
  }
  const std::int32_t lowest = INT32_MIN;
  Bytes file = small;
  std::memcpy(&file[22], &lowest, 4);
  EXPECT_THROW(decode_image(file), Error);
}

TEST(Hostile, JpegNeedsItsOwnTables) {
  // Tables of an image decoded before must not complete a file that lacks its own.
  Bytes file = image_cases::read("rgb_33x47_2_0.jpg");
  ASSERT_NO_THROW(decode_image(file));
  const std::size_t table = find_marker(file, 0xDB);
  const std::size_t length = std::to_integer<std::size_t>(file[table + 2]) * 256 +
                             std::to_integer<std::size_t>(file[table + 3]);
  file.erase(file.begin() + static_cast<std::ptrdiff_t>(table),
             file.begin() + static_cast<std::ptrdiff_t>(table + 2 + length));
  EXPECT_THROW(decode_image(file), Error);
}

}  // namespace
}  // namespace caft
