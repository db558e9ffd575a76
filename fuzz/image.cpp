// JPEG, PNG, WebP and BMP, and the probe that decides what a GPU may decode.
#include "caft/image/image.hpp"

#include <cstdlib>

#include "image/jpeg_probe.hpp"
#include "target.hpp"

void caft::fuzz::parse(std::span<const std::byte> input) {
  DecodeOptions options;
  options.limits.max_pixels = 1 << 18;
  const auto probed = image::probe_jpeg(input, options);
  options.exif_orientation = !input.empty() && (std::to_integer<unsigned>(input.back()) & 1U) != 0;
  const Image image = decode_image(input, options);
  const auto pixels =
      static_cast<std::uint64_t>(image.width) * static_cast<std::uint64_t>(image.height);
  if (pixels == 0 || pixels > options.limits.max_pixels || image.pixels.size() != pixels * 3)
    std::abort();
  // A GPU allocates by the probe's sizes, so they must be those of the image.
  if (probed &&
      static_cast<std::uint64_t>(probed->width) * static_cast<std::uint64_t>(probed->height) !=
          pixels)
    std::abort();
}
