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
  for (std::size_t channel = 0; channel < 3; ++channel) {
    // The same three roundings as torchvision's ToTensor and Normalize; no reciprocals.
    const float mean = spec.mean[channel], deviation = spec.std[channel];
    const std::uint8_t* in = hwc.data() + channel;
    float* plane = out.data() + channel * pixels;
    for (std::size_t i = 0; i < pixels; ++i) {
      plane[i] = (static_cast<float>(in[i * 3]) / 255.0F - mean) / deviation;
    }
  }
}

}  // namespace caft
