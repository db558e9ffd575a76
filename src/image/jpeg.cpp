// JPEG decoding with libjpeg: the settings of Pillow (accurate integer DCT, smooth chroma), so that
// the pixels are the same bits, and limits on what a file may cost.
#include <csetjmp>
#include <cstddef>
#include <cstdio>  // jpeglib.h needs FILE
#include <cstring>
#include <utility>

#include <jerror.h>
#include <jpeglib.h>

#include <fmt/format.h>

#include "image/decoders.hpp"
#include "image/exif.hpp"
#include "image/orient.hpp"

namespace caft::image {
namespace {

constexpr std::string_view kFormat = "JPEG";

/// What a file's scans may cost together, in multiples of the pixel limit: a progressive file is
/// walked through once a scan, so many scans of a large image cost minutes.
constexpr std::uint64_t kScanWorkFactor = 16;

/// libjpeg's state and the way out of it. libjpeg reports an error by calling back, and the
/// callback must not return; it longjmps to the caller, who then owns nothing but this object. So
/// no function between setjmp and libjpeg has a local with a destructor.
struct Decompressor {
  Decompressor() {
    std::memset(&state, 0, sizeof state);
    state.err = jpeg_std_error(&errors);
    errors.error_exit = [](j_common_ptr info) { of(info)->leave(); };
    errors.emit_message = [](j_common_ptr info, int level) {
      // Other warnings are damage that Pillow decodes past; this one is the file's early end.
      if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) of(info)->leave();
    };
    errors.output_message = [](j_common_ptr) {};
    progress.progress_monitor = [](j_common_ptr info) {
      Decompressor* self = of(info);
      if (self->state.input_scan_number > self->max_scans) {
        self->too_many_scans = true;
        std::longjmp(self->jump, 1);
      }
    };
    state.client_data = this;
  }
  ~Decompressor() { jpeg_destroy_decompress(&state); }  // safe also before creation succeeded
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  static Decompressor* of(j_common_ptr info) {
    return static_cast<Decompressor*>(info->client_data);
  }
  [[noreturn]] void leave() {
    errors.format_message(reinterpret_cast<j_common_ptr>(&state), message);
    truncated = errors.msg_code == JWRN_JPEG_EOF || errors.msg_code == JERR_INPUT_EOF;
    std::longjmp(jump, 1);
  }

  jpeg_decompress_struct state;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress{};
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX] = {};
  int max_scans = 0;
  bool truncated = false;
  bool too_many_scans = false;
};

/// Reads up to the frame header. False: an error is noted in `jpeg`.
bool read_header(Decompressor& jpeg, Bytes file, bool want_exif) {
  if (setjmp(jpeg.jump) != 0) return false;
  jpeg_create_decompress(&jpeg.state);
  jpeg.state.client_data = &jpeg;  // creation clears all but err and client_data in some versions
  jpeg.state.progress = &jpeg.progress;
  jpeg.max_scans = 1;
  jpeg_mem_src(&jpeg.state, reinterpret_cast<const unsigned char*>(file.data()), file.size());
  if (want_exif) jpeg_save_markers(&jpeg.state, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&jpeg.state, TRUE);
  return true;
}

/// Decodes everything into `out`, rows of `row_bytes`. False: an error is noted in `jpeg`.
bool read_pixels(Decompressor& jpeg, J_COLOR_SPACE color_space, std::uint8_t* out,
                 std::size_t row_bytes) {
  if (setjmp(jpeg.jump) != 0) return false;
  jpeg.state.out_color_space = color_space;
  jpeg_start_decompress(&jpeg.state);
  constexpr JDIMENSION kRows = 16;
  JSAMPROW rows[kRows];
  while (jpeg.state.output_scanline < jpeg.state.output_height) {
    const JDIMENSION first = jpeg.state.output_scanline;
    const JDIMENSION count = std::min(kRows, jpeg.state.output_height - first);
    for (JDIMENSION i = 0; i < count; ++i) rows[i] = out + std::size_t{first + i} * row_bytes;
    jpeg_read_scanlines(&jpeg.state, rows, count);
  }
  jpeg_finish_decompress(&jpeg.state);  // reads to the end-of-image marker: its absence is an error
  return true;
}

[[noreturn]] void fail_jpeg(const Decompressor& jpeg) {
  if (jpeg.too_many_scans) {
    fail(kFormat, fmt::format("more than {} scans exceed the limit", jpeg.max_scans));
  }
  fail(kFormat, jpeg.truncated ? "truncated" : jpeg.message);
}

/// Every 8x8 block takes a bit at the least, but where arithmetic coding packs closer: a header
/// that promises more than the file can hold is caught before memory is spent on it.
void check_plausible(const Decompressor& jpeg, Bytes file) {
  if (jpeg.state.arith_code) return;
  const std::uint64_t blocks = (std::uint64_t{jpeg.state.image_width} + 7) / 8 *
                               ((std::uint64_t{jpeg.state.image_height} + 7) / 8);
  const auto sampling = static_cast<std::uint64_t>(jpeg.state.max_h_samp_factor) *
                        static_cast<std::uint64_t>(jpeg.state.max_v_samp_factor);
  if (blocks / sampling > file.size() * 8) {
    fail(kFormat, fmt::format("truncated: {} bytes cannot hold {}x{} pixels", file.size(),
                              jpeg.state.image_width, jpeg.state.image_height));
  }
}

int orientation(const Decompressor& jpeg) {
  for (auto marker = jpeg.state.marker_list; marker != nullptr; marker = marker->next) {
    if (marker->data_length >= 6 && std::memcmp(marker->data, "Exif\0", 5) == 0) {
      return exif_orientation(
          {reinterpret_cast<const std::byte*>(marker->data), marker->data_length});
    }
  }
  return 1;
}

/// 8-bit product of two fractions of 255, rounded: a * b / 255.
inline std::uint32_t multiply_255(std::uint32_t a, std::uint32_t b) {
  const std::uint32_t product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/// CMYK as Adobe stores it (255 is no ink), to RGB as Pillow converts: r = k - (1 - c) * k.
void cmyk_to_rgb(const std::uint8_t* cmyk, std::uint8_t* rgb, std::size_t pixels) {
  for (std::size_t i = 0; i < pixels; ++i, cmyk += 4, rgb += 3) {
    const std::uint32_t light = cmyk[3];
    for (int c = 0; c < 3; ++c) {
      const std::uint32_t value = light - multiply_255(255U - cmyk[c], light);
      rgb[c] = static_cast<std::uint8_t>(value);
    }
  }
}

}  // namespace

Image decode_jpeg(Bytes file, const DecodeOptions& options) {
  Decompressor jpeg;
  if (!read_header(jpeg, file, options.exif_orientation)) fail_jpeg(jpeg);

  const std::uint64_t width = jpeg.state.image_width, height = jpeg.state.image_height;
  check_size(kFormat, width, height, options.limits);
  check_plausible(jpeg, file);
  const std::uint64_t work = options.limits.max_pixels * kScanWorkFactor / (width * height);
  jpeg.max_scans = static_cast<int>(
      std::min<std::uint64_t>(work, static_cast<std::uint64_t>(options.limits.max_jpeg_scans)));

  const int turn = options.exif_orientation ? orientation(jpeg) : 1;
  Image image = make_image(width, height);
  if (jpeg.state.num_components == 4) {
    std::vector<std::uint8_t> cmyk(width * height * 4);
    if (!read_pixels(jpeg, JCS_CMYK, cmyk.data(), width * 4)) fail_jpeg(jpeg);
    cmyk_to_rgb(cmyk.data(), image.pixels.data(), width * height);
  } else if (!read_pixels(jpeg, JCS_RGB, image.pixels.data(), width * 3)) {
    fail_jpeg(jpeg);
  }
  return apply_orientation(std::move(image), turn);
}

}  // namespace caft::image
