#include "engine/tensorrt/gpu.hpp"

#include <fmt/format.h>

#include <cctype>

#include "cuda/device_names.hpp"
#include "cuda/runtime.hpp"

namespace caft::tensorrt {

std::string Gpu::file_name() const {
  std::string text;
  for (const char c : name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0;
    text += plain ? static_cast<char>(std::tolower(static_cast<unsigned char>(c))) : '-';
  }
  return fmt::format("{}-sm{}{}", text, major, minor);
}

std::string Gpu::text() const { return fmt::format("{} (sm_{}{})", name, major, minor); }

Gpu current_gpu() {
  int index = 0;
  cuda::check(cudaGetDevice(&index), "the current GPU");
  cudaDeviceProp properties{};
  cuda::check(cudaGetDeviceProperties(&properties, index), fmt::format("GPU {}", index));
  return {properties.name, cuda::uuid_text(properties.uuid), properties.major, properties.minor};
}

}  // namespace caft::tensorrt
