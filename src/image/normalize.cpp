#include <array>
#include <cstddef>
#include <string>

#include "caft/core/error.hpp"
#include "caft/image/preprocess.hpp"

namespace caft {

void normalize_to_chw(std::span<const std::uint8_t> hwc, const Preprocessing& spec,
                      std::span<float> out) {
  const std::size_t pixels = hwc.size() / 3;
  if (hwc.size() != std::size_t{3} * static_cast<std::size_t>(spec.height) *
                        static_cast<std::size_t>(spec.width) ||
      out.size() != hwc.size()) {
    throw Error(ErrorKind::usage, "normalising " + std::to_string(hwc.size()) + " bytes into " +
                                      std::to_string(out.size()) + " values does not fit " +
                                      std::to_string(spec.width) + "x" +
                                      std::to_string(spec.height) + " pixels");
  }
  // A byte has 256 values: three tables are made with the same roundings as torchvision's ToTensor
  // and Normalize, divisions included, and the image is looked up. (Two divisions a value,
  // vectorised, take longer.)
  std::array<std::array<float, 256>, 3> tables;
  for (std::size_t channel = 0; channel < 3; ++channel) {
    for (std::size_t value = 0; value < 256; ++value) {
      tables[channel][value] =
          (static_cast<float>(value) / 255.0F - spec.mean[channel]) / spec.std[channel];
    }
  }
  const std::uint8_t* in = hwc.data();
  float *red = out.data(), *green = red + pixels, *blue = green + pixels;
  for (std::size_t i = 0; i < pixels; ++i, in += 3) {
    red[i] = tables[0][in[0]];
    green[i] = tables[1][in[1]];
    blue[i] = tables[2][in[2]];
  }
}

}  // namespace caft
