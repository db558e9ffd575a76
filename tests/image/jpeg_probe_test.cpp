// Which JPEGs may be decoded on a GPU, and that the GPU's colour arithmetic is libjpeg's.
#include "image/jpeg_probe.hpp"

#include <gtest/gtest.h>

#include <cstdio>  // jpeglib.h needs FILE
#include <cstring>

#include <jpeglib.h>

#include "cuda/image_math.hpp"
#include "support/jpeg_writer.hpp"

namespace caft::test {
namespace {

using image::ChromaSampling;
using image::probe_jpeg;

std::vector<std::byte> file_of(const JpegKind& kind, int width = 61, int height = 47) {
  return write_jpeg(make_photo(width, height), kind);
}

TEST(JpegProbe, TellsSizeSamplingAndScans) {
  for (const ChromaSampling sampling :
       {ChromaSampling::grey, ChromaSampling::s444, ChromaSampling::s422, ChromaSampling::s420,
        ChromaSampling::s440}) {
    for (const bool progressive : {false, true}) {
      const auto info = probe_jpeg(file_of({.sampling = sampling, .progressive = progressive}), {});
      ASSERT_TRUE(info) << static_cast<int>(sampling);
      EXPECT_EQ(info->width, 61);
      EXPECT_EQ(info->height, 47);
      EXPECT_EQ(info->sampling, sampling);
      EXPECT_EQ(info->progressive, progressive);
    }
  }
  const auto odd = probe_jpeg(file_of({}), {});
  EXPECT_EQ(odd->chroma_width(), 31);
  EXPECT_EQ(odd->chroma_height(), 24);
  EXPECT_TRUE(probe_jpeg(file_of({.restart_rows = 1}), {}));
}

TEST(JpegProbe, LeavesTheRestToTheCpu) {
  EXPECT_FALSE(probe_jpeg(file_of({.color = JpegColor::cmyk}), {}));
  EXPECT_FALSE(probe_jpeg(file_of({.color = JpegColor::rgb}), {}));
  EXPECT_FALSE(probe_jpeg(file_of({.arithmetic = true}), {}));
  EXPECT_FALSE(probe_jpeg(write_bmp(make_photo(20, 10)), {}));
  EXPECT_FALSE(probe_jpeg({}, {}));
}

TEST(JpegProbe, AnyTruncatedFileIsLeftToTheCpu) {
  const std::vector<std::byte> file = file_of({});
  for (std::size_t size = 0; size < file.size(); ++size)
    ASSERT_FALSE(probe_jpeg(std::span(file).first(size), {})) << size << " of " << file.size();
  std::vector<std::byte> padded = file;
  padded.resize(padded.size() + 100);
  EXPECT_TRUE(probe_jpeg(padded, {}));
}

TEST(JpegProbe, KeepsTheLimits) {
  EXPECT_FALSE(probe_jpeg(file_of({}), {.limits = {.max_pixels = 61 * 47 - 1}}));
  EXPECT_TRUE(probe_jpeg(file_of({}), {.limits = {.max_pixels = 61 * 47}}));
  EXPECT_FALSE(probe_jpeg(file_of({.progressive = true}), {.limits = {.max_jpeg_scans = 3}}));
  // A header that promises more than the file can hold.
  std::vector<std::byte> huge = file_of({.sampling = ChromaSampling::s444}, 16, 16);
  for (std::size_t i = 2; i + 9 < huge.size(); ++i) {
    if (huge[i] == std::byte{0xFF} && huge[i + 1] == std::byte{0xC0}) {
      huge[i + 5] = huge[i + 7] = std::byte{0x2F};
      break;
    }
  }
  EXPECT_FALSE(probe_jpeg(huge, {}));
}

TEST(JpegProbe, NoDamageInTheHeaderIsFollowedOutOfTheFile) {
  const std::vector<std::byte> file = file_of({.progressive = true}, 16, 16);
  for (std::size_t at = 0; at < std::min<std::size_t>(file.size(), 700); ++at) {
    for (const int value : {0, 1, 0x7F, 0xC0, 0xDA, 0xFF}) {
      std::vector<std::byte> damaged = file;
      damaged[at] = static_cast<std::byte>(value);
      (void)probe_jpeg(damaged, {});  // the sanitizers watch
    }
  }
}

/// The planes as the file stores them, by libjpeg's raw interface.
struct RawPlanes {
  std::vector<std::uint8_t> samples[3];
  cuda::Plane planes[3];
};

RawPlanes decode_raw(const std::vector<std::byte>& file, const image::JpegInfo& info) {
  RawPlanes raw;
  jpeg_decompress_struct jpeg;
  jpeg_error_mgr errors;
  std::memset(&jpeg, 0, sizeof jpeg);
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&jpeg);
  jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char*>(file.data()), file.size());
  jpeg_read_header(&jpeg, TRUE);
  jpeg.raw_data_out = TRUE;
  jpeg.out_color_space = jpeg.jpeg_color_space;
  jpeg_start_decompress(&jpeg);
  const int planes = info.sampling == ChromaSampling::grey ? 1 : 3;
  for (int c = 0; c < planes; ++c) {
    const auto& part = jpeg.comp_info[c];
    const int pitch = static_cast<int>(part.width_in_blocks) * 8;
    const auto rows = (part.height_in_blocks + 8) * 8;
    raw.samples[c].resize(static_cast<std::size_t>(pitch) * rows);
    raw.planes[c] = {.data = raw.samples[c].data(),
                     .pitch = pitch,
                     .width = c == 0 ? info.width : info.chroma_width(),
                     .height = c == 0 ? info.height : info.chroma_height()};
  }
  for (JDIMENSION row = 0; row < jpeg.output_height;) {
    std::vector<JSAMPROW> lines[3];
    JSAMPARRAY arrays[3] = {};
    for (int c = 0; c < planes; ++c) {
      const int factor = jpeg.comp_info[c].v_samp_factor;
      const int first = static_cast<int>(row) * factor / jpeg.max_v_samp_factor;
      for (int i = 0; i < factor * 8; ++i)
        lines[c].push_back(raw.planes[c].data + std::ptrdiff_t{first + i} * raw.planes[c].pitch);
      arrays[c] = lines[c].data();
    }
    row += jpeg_read_raw_data(&jpeg, arrays, static_cast<JDIMENSION>(jpeg.max_v_samp_factor) * 8);
  }
  jpeg_destroy_decompress(&jpeg);
  return raw;
}

TEST(GpuColours, AreLibjpegsBitForBitGivenThePlanes) {
  const int sizes[][2] = {{64, 48}, {61, 47}, {5, 5}, {4, 3}, {3, 7}, {2, 2}, {1, 1}, {17, 33}};
  for (const ChromaSampling sampling :
       {ChromaSampling::grey, ChromaSampling::s444, ChromaSampling::s422, ChromaSampling::s420,
        ChromaSampling::s440}) {
    for (const auto& [width, height] : sizes) {
      const auto file = file_of({.quality = 85, .sampling = sampling}, width, height);
      const auto info = probe_jpeg(file, {});
      ASSERT_TRUE(info);
      const Image expected = decode_image(file);
      const RawPlanes raw = decode_raw(file, *info);
      for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
          std::uint8_t rgb[3];
          cuda::rgb_at(raw.planes, sampling, x, y, rgb);
          const auto at = (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                           static_cast<std::size_t>(x)) *
                          3;
          ASSERT_EQ(std::memcmp(rgb, &expected.pixels[at], 3), 0)
              << "sampling " << static_cast<int>(sampling) << ", " << width << "x" << height
              << ", pixel " << x << "," << y;
        }
      }
    }
  }
}

}  // namespace
}  // namespace caft::test
