// PNG decoding with libpng.
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>

#include <png.h>

#include <fmt/format.h>

#include "image/decoders.hpp"
#include "image/exif.hpp"
#include "image/orient.hpp"

namespace caft::image {
namespace {

constexpr std::string_view kFormat = "PNG";

/// libpng's state and the way out of it. libpng leaves by longjmp on an error, so no function that
/// calls setjmp here, and none that it calls, has a local with a destructor.
struct PngReader {
  explicit PngReader(Bytes bytes) : file(bytes) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, &on_error, &on_warning);
    if (png != nullptr) info = png_create_info_struct(png);
    if (info == nullptr) {
      png_destroy_read_struct(&png, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  [[noreturn]] static void on_error(png_structp png, png_const_charp text) {
    auto* self = static_cast<PngReader*>(png_get_error_ptr(png));
    std::snprintf(self->message, sizeof self->message, "%s", text);
    png_longjmp(png, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}
  static void on_read(png_structp png, png_bytep out, std::size_t count) {
    auto* self = static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > self->file.size() - self->position) png_error(png, "truncated");
    std::memcpy(out, self->file.data() + self->position, count);
    self->position += count;
  }

  Bytes file;
  std::size_t position = 0;
  png_structp png = nullptr;
  png_infop info = nullptr;
  char message[128] = {};
};

/// Reads up to the first IDAT. False: the reason is in `reader.message`.
bool read_header(PngReader& reader, bool want_exif) {
  png_structp png = reader.png;
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_read_fn(png, &reader, &PngReader::on_read);
  // The caller checks the size; libpng's own limit on a side would refuse long strips.
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  // Ancillary chunks (texts, profiles, palettes to suggest) are skipped unread: they do not change
  // the pixels, and compressed ones are a way to waste memory.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  const png_byte exif[] = "eXIf";
  if (want_exif) png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_AS_DEFAULT, exif, 1);
  png_set_chunk_malloc_max(png, reader.file.size());
  png_read_info(png, reader.info);
  return true;
}

/// Reads all passes; row y starts at out + y * stride. False: the reason is in `reader.message`.
bool read_pixels(PngReader& reader, std::uint8_t* out, std::size_t stride) {
  png_structp png = reader.png;
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  const png_uint_32 height = png_get_image_height(png, reader.info);
  if (png_get_color_type(png, reader.info) == PNG_COLOR_TYPE_PALETTE) {
    png_set_packing(png);
  } else {
    png_set_expand_gray_1_2_4_to_8(png);
    png_set_scale_16(png);
    png_set_strip_alpha(png);
    png_set_gray_to_rgb(png);
  }
  const int passes = png_set_interlace_handling(png);
  png_start_read_image(png);
  for (int pass = 0; pass < passes; ++pass) {
    for (png_uint_32 y = 0; y < height; ++y) png_read_row(png, out + y * stride, nullptr);
  }
  png_read_end(png, reader.info);
  return true;
}

using Palette = std::uint8_t[256][3];

/// An index past the palette's end is its own grey, as in Pillow.
void read_palette(const PngReader& reader, Palette& palette) {
  for (int i = 0; i < 256; ++i) std::memset(palette[i], i, 3);
  png_colorp colors = nullptr;
  int count = 0;
  if (png_get_PLTE(reader.png, reader.info, &colors, &count) == 0) fail(kFormat, "no palette");
  for (int i = 0; i < count && i < 256; ++i) {
    palette[i][0] = colors[i].red;
    palette[i][1] = colors[i].green;
    palette[i][2] = colors[i].blue;
  }
}

/// Expands rows whose indices lie in their last third. Forwards, the colours never overtake them.
void expand_palette(Image& image, const Palette& palette) {
  const auto width = static_cast<std::size_t>(image.width);
  for (std::uint8_t* row = image.pixels.data(); row != image.pixels.data() + image.pixels.size();
       row += width * 3) {
    for (std::size_t x = 0; x < width; ++x) {
      const std::uint8_t* color = palette[row[width * 2 + x]];
      std::memcpy(row + x * 3, color, 3);
    }
  }
}

int orientation(const PngReader& reader) {
  png_uint_32 size = 0;
  png_bytep exif = nullptr;
  if (png_get_eXIf_1(reader.png, reader.info, &size, &exif) == 0) return 1;
  return exif_orientation({reinterpret_cast<const std::byte*>(exif), size});
}

}  // namespace

Image decode_png(Bytes file, const DecodeOptions& options) {
  PngReader reader(file);
  if (!read_header(reader, options.exif_orientation)) fail(kFormat, reader.message);

  const std::uint64_t width = png_get_image_width(reader.png, reader.info);
  const std::uint64_t height = png_get_image_height(reader.png, reader.info);
  check_size(kFormat, width, height, options.limits);
  // Deflate shrinks 1032 times at the most: a header that promises more than the file can hold is
  // caught before memory is spent on it.
  const std::uint64_t raw_bytes = png_get_rowbytes(reader.png, reader.info) * height;
  if (raw_bytes / 1032 > file.size()) {
    fail(kFormat,
         fmt::format("truncated: {} bytes cannot hold {}x{} pixels", file.size(), width, height));
  }

  Image image = make_image(width, height);
  const bool indexed = png_get_color_type(reader.png, reader.info) == PNG_COLOR_TYPE_PALETTE;
  Palette palette;
  if (indexed) read_palette(reader, palette);
  std::uint8_t* out = image.pixels.data() + (indexed ? width * 2 : 0);
  if (!read_pixels(reader, out, width * 3)) fail(kFormat, reader.message);
  if (indexed) expand_palette(image, palette);
  return apply_orientation(std::move(image), options.exif_orientation ? orientation(reader) : 1);
}

}  // namespace caft::image
