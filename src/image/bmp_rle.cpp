// Run-length coded bitmaps (Windows RLE8 and RLE4).
#include "image/bmp_format.hpp"

namespace caft::image {
namespace {

/// Places indices into the picture; what a run has beyond the end of its row is dropped.
class Canvas {
 public:
  Canvas(std::uint64_t width, std::uint64_t height)
      : width_(width), height_(height), indices_(width * height) {}

  void put(std::uint8_t index) {
    if (x_ < width_ && y_ < height_) indices_[y_ * width_ + x_] = index;
    ++x_;
  }
  void next_row() {
    x_ = 0;
    ++y_;
  }
  void move(std::uint64_t right, std::uint64_t rows) {
    x_ += right;
    y_ += rows;
  }
  [[nodiscard]] bool complete() const {
    return y_ >= height_ || (y_ + 1 == height_ && x_ >= width_);
  }
  std::vector<std::uint8_t> take() { return std::move(indices_); }

 private:
  std::uint64_t width_, height_, x_ = 0, y_ = 0;
  std::vector<std::uint8_t> indices_;
};

/// The `i`th index in `packed`, two a byte, the high half first.
std::uint8_t nibble(std::uint8_t packed, std::size_t i) {
  return i % 2 == 0 ? packed >> 4 : packed & 0x0F;
}

}  // namespace

std::vector<std::uint8_t> decode_bmp_rle(Bytes file, const BmpHeader& header) {
  const bool rle4 = header.compression == BmpCompression::rle4;
  if (header.pixel_offset > file.size()) fail(kBmp, "truncated");
  Canvas canvas(header.width, header.height);

  std::size_t at = header.pixel_offset;
  const auto next = [&] {
    if (at >= file.size()) fail(kBmp, "truncated");
    return byte_at(file, at++);
  };
  // A file may lack the end-of-bitmap escape once every pixel is there.
  while (!(canvas.complete() && at >= file.size())) {
    const std::size_t count = next();
    const std::uint8_t value = next();
    if (count > 0) {
      for (std::size_t i = 0; i < count; ++i) canvas.put(rle4 ? nibble(value, i) : value);
    } else if (value == 0) {
      canvas.next_row();
    } else if (value == 1) {
      break;
    } else if (value == 2) {
      const std::uint8_t right = next();
      canvas.move(right, next());
    } else {  // `value` literal indices, padded to a whole number of 16-bit words
      std::uint8_t packed = 0;
      for (std::size_t i = 0; i < value; ++i) {
        if (!rle4 || i % 2 == 0) packed = next();
        canvas.put(rle4 ? nibble(packed, i) : packed);
      }
      const std::size_t bytes = rle4 ? (value + 1U) / 2 : value;
      if (bytes % 2 != 0 && at < file.size()) ++at;
    }
  }
  return canvas.take();
}

}  // namespace caft::image
