#include "extract/calibration.hpp"

#include <memory>
#include <string>
#include <utility>

#include "caft/core/error.hpp"
#include "caft/core/hash.hpp"
#include "caft/image/image.hpp"
#include "core/log.hpp"

namespace caft {
namespace {

class CalibrationImages {
 public:
  CalibrationImages(std::vector<ImageSource> images, const Preprocessing& spec)
      : images_(std::move(images)), spec_(spec) {}

  bool fill(std::span<std::uint8_t> pixels) {
    const std::size_t size =
        static_cast<std::size_t>(spec_.height) * static_cast<std::size_t>(spec_.width) * 3;
    for (std::size_t at = 0; at < pixels.size(); at += size) {
      do {
        if (next_ == images_.size()) return false;
      } while (!load(images_[next_++], pixels.subspan(at, size)));
    }
    return true;
  }

 private:
  bool load(const ImageSource& source, std::span<std::uint8_t> out) const {
    try {
      resize_and_crop(
          decode_image(read_source(source), {.exif_orientation = spec_.exif_orientation}), spec_,
          out);
      return true;
    } catch (const Error& error) {
      log_warn("calibration goes without {}: {}", source.display_name(), error.what());
      return false;
    }
  }

  std::vector<ImageSource> images_;
  Preprocessing spec_;
  std::size_t next_ = 0;
};

/// What the images are: the hash of their contents' hashes.
std::string id_of(const std::vector<ImageSource>& images, int batch) {
  std::string keys = std::to_string(batch);
  for (const ImageSource& image : images) keys += to_hex(xxh3_128(read_source(image)));
  return to_hex(xxh3_128(std::as_bytes(std::span(keys)))).substr(0, 16);
}

}  // namespace

Calibration calibration_over(std::vector<ImageSource> images, const Preprocessing& spec,
                             int batch) {
  if (batch < 1 || images.size() < static_cast<std::size_t>(batch)) {
    throw Error(ErrorKind::usage,
                std::to_string(images.size()) + " calibration images do not fill a batch of " +
                    std::to_string(batch),
                "give more images, or a smaller --calib-batch");
  }
  Calibration calibration{.batch = batch, .id = id_of(images, batch)};
  auto source = std::make_shared<CalibrationImages>(std::move(images), spec);
  calibration.next = [source](std::span<std::uint8_t> pixels) { return source->fill(pixels); };
  return calibration;
}

}  // namespace caft
