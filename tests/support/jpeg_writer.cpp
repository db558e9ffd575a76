#include "support/jpeg_writer.hpp"

#include <cmath>
#include <cstdio>  // jpeglib.h needs FILE
#include <cstdlib>
#include <cstring>
#include <random>

#include <jpeglib.h>

namespace caft::test {
namespace {

void set_sampling(jpeg_compress_struct& jpeg, image::ChromaSampling sampling) {
  using image::ChromaSampling;
  const bool x = sampling == ChromaSampling::s422 || sampling == ChromaSampling::s420;
  const bool y = sampling == ChromaSampling::s440 || sampling == ChromaSampling::s420;
  for (int c = 0; c < jpeg.num_components; ++c) {
    jpeg.comp_info[c].h_samp_factor = c == 0 && x ? 2 : 1;
    jpeg.comp_info[c].v_samp_factor = c == 0 && y ? 2 : 1;
  }
}

}  // namespace

std::vector<std::byte> write_jpeg(const Image& image, const JpegKind& kind) {
  const bool grey = kind.sampling == image::ChromaSampling::grey;
  const int channels = grey ? 1 : kind.color == JpegColor::cmyk ? 4 : 3;
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  std::memset(&jpeg, 0, sizeof jpeg);
  jpeg.err = jpeg_std_error(&errors);  // ends the test program on an error
  jpeg_create_compress(&jpeg);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &buffer, &size);
  jpeg.image_width = static_cast<JDIMENSION>(image.width);
  jpeg.image_height = static_cast<JDIMENSION>(image.height);
  jpeg.input_components = channels;
  jpeg.in_color_space = grey ? JCS_GRAYSCALE : channels == 4 ? JCS_CMYK : JCS_RGB;
  jpeg_set_defaults(&jpeg);
  if (kind.color == JpegColor::rgb) jpeg_set_colorspace(&jpeg, JCS_RGB);
  jpeg_set_quality(&jpeg, kind.quality, TRUE);
  if (kind.color == JpegColor::ycbcr) set_sampling(jpeg, kind.sampling);
  if (kind.progressive) jpeg_simple_progression(&jpeg);
  jpeg.arith_code = kind.arithmetic ? TRUE : FALSE;
  jpeg.restart_in_rows = kind.restart_rows;
  jpeg_start_compress(&jpeg, TRUE);
  std::vector<std::uint8_t> row(static_cast<std::size_t>(image.width * channels));
  while (jpeg.next_scanline < jpeg.image_height) {
    const std::uint8_t* in =
        image.pixels.data() + std::size_t{3} * jpeg.next_scanline * jpeg.image_width;
    for (std::size_t x = 0; x < static_cast<std::size_t>(image.width); ++x) {
      for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c)
        row[x * static_cast<std::size_t>(channels) + c] = c < 3 ? in[3 * x + c] : 255;
    }
    JSAMPROW rows[] = {row.data()};
    jpeg_write_scanlines(&jpeg, rows, 1);
  }
  jpeg_finish_compress(&jpeg);
  const auto* bytes = reinterpret_cast<const std::byte*>(buffer);
  std::vector<std::byte> file(bytes, bytes + size);
  jpeg_destroy_compress(&jpeg);
  std::free(buffer);
  return file;
}

Image make_photo(int width, int height, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> noise(0.0F, 4.0F);
  Image image{width, height, {}};
  image.pixels.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  const auto shift = static_cast<float>(seed % 17);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const auto fx = static_cast<float>(x), fy = static_cast<float>(y);
      const float edge = (x / 37 + y / 29) % 2 == 0 ? 25.0F : -25.0F;
      for (int c = 0; c < 3; ++c) {
        const auto fc = static_cast<float>(c);
        const float wave = std::sin((fx + shift) / (11 + 5 * fc)) + std::cos(fy / (14 + 3 * fc));
        const float value = 128 + 40 * wave + edge * (1 - fc) + noise(random);
        image.pixels.push_back(static_cast<std::uint8_t>(std::fmin(std::fmax(value, 0), 255)));
      }
    }
  }
  return image;
}

std::vector<std::byte> write_bmp(const Image& image) {
  const std::size_t pitch = (static_cast<std::size_t>(image.width) * 3 + 3) / 4 * 4;
  constexpr std::size_t kHeader = 54;
  std::vector<std::byte> file(kHeader + pitch * static_cast<std::size_t>(image.height));
  const auto put = [&](std::size_t at, std::size_t value, int bytes) {
    for (int i = 0; i < bytes; ++i)
      file[at + static_cast<std::size_t>(i)] = static_cast<std::byte>(value >> (8 * i) & 255);
  };
  put(0, 'B' | 'M' << 8, 2);
  put(2, file.size(), 4);
  put(10, kHeader, 4);
  put(14, 40, 4);
  put(18, static_cast<std::size_t>(image.width), 4);
  put(22, static_cast<std::size_t>(image.height), 4);
  put(26, 1, 2);
  put(28, 24, 2);
  for (std::size_t y = 0; y < static_cast<std::size_t>(image.height); ++y) {
    const std::size_t to = kHeader + (static_cast<std::size_t>(image.height) - 1 - y) * pitch;
    for (std::size_t x = 0; x < static_cast<std::size_t>(image.width); ++x) {
      for (std::size_t c = 0; c < 3; ++c) {
        file[to + 3 * x + c] = static_cast<std::byte>(
            image.pixels[(y * static_cast<std::size_t>(image.width) + x) * 3 + 2 - c]);
      }
    }
  }
  return file;
}

}  // namespace caft::test
