// JPEG encoding with libjpeg, for thumbnails.
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs FILE
#include <cstdlib>
#include <cstring>

#include <jpeglib.h>

#include <fmt/format.h>

#include "caft/core/error.hpp"
#include "caft/image/image.hpp"

namespace caft {
namespace {

/// libjpeg's state, its output buffer, and the way out of its error callback (see jpeg.cpp).
struct Compressor {
  Compressor() {
    std::memset(&state, 0, sizeof state);
    state.err = jpeg_std_error(&errors);
    errors.error_exit = [](j_common_ptr info) {
      auto* self = static_cast<Compressor*>(info->client_data);
      info->err->format_message(info, self->message);
      std::longjmp(self->jump, 1);
    };
    errors.output_message = [](j_common_ptr) {};
    state.client_data = this;
  }
  ~Compressor() {
    jpeg_destroy_compress(&state);
    std::free(buffer);
  }
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  jpeg_compress_struct state;
  jpeg_error_mgr errors;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX] = {};
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
};

/// No local here has a destructor: libjpeg leaves by longjmp. False: the reason is in `message`.
bool compress(Compressor& jpeg, const Image& image, int quality) {
  if (setjmp(jpeg.jump) != 0) return false;
  jpeg_create_compress(&jpeg.state);
  jpeg_mem_dest(&jpeg.state, &jpeg.buffer, &jpeg.size);
  jpeg.state.image_width = static_cast<JDIMENSION>(image.width);
  jpeg.state.image_height = static_cast<JDIMENSION>(image.height);
  jpeg.state.input_components = 3;
  jpeg.state.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg.state);
  jpeg_set_quality(&jpeg.state, quality, TRUE);
  jpeg_start_compress(&jpeg.state, TRUE);
  while (jpeg.state.next_scanline < jpeg.state.image_height) {
    // libjpeg's interface predates const: it does not write to the row.
    JSAMPROW row = const_cast<JSAMPROW>(image.pixels.data()) +
                   std::size_t{jpeg.state.next_scanline} * jpeg.state.image_width * 3;
    jpeg_write_scanlines(&jpeg.state, &row, 1);
  }
  jpeg_finish_compress(&jpeg.state);
  return true;
}

}  // namespace

std::vector<std::byte> encode_jpeg(const Image& image, int quality) {
  if (quality < 1 || quality > 100) {
    throw Error(ErrorKind::usage, fmt::format("JPEG quality {} is not within 1 to 100", quality));
  }
  if (image.width < 1 || image.height < 1 || image.width > JPEG_MAX_DIMENSION ||
      image.height > JPEG_MAX_DIMENSION ||
      image.pixels.size() != std::size_t{3} * static_cast<std::size_t>(image.width) *
                                 static_cast<std::size_t>(image.height)) {
    throw Error(ErrorKind::usage, fmt::format("cannot encode {}x{} pixels ({} bytes) as JPEG",
                                              image.width, image.height, image.pixels.size()));
  }
  Compressor jpeg;
  if (!compress(jpeg, image, quality)) {
    throw Error(ErrorKind::io, fmt::format("JPEG encoding failed: {}", jpeg.message));
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(jpeg.buffer);
  return {bytes, bytes + jpeg.size};
}

}  // namespace caft
