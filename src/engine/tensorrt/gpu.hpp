// The GPU that plans are made for.
#pragma once

#include <string>

namespace caft::tensorrt {

struct Gpu {
  std::string name;          ///< "NVIDIA H200"
  std::string uuid;          ///< "GPU-xxxxxxxx-…"
  int major = 0, minor = 0;  ///< compute capability
  /// "nvidia-h200-sm90"
  [[nodiscard]] std::string file_name() const;
  /// "NVIDIA H200 (sm_90)"
  [[nodiscard]] std::string text() const;
};

/// The calling thread's current device.
Gpu current_gpu();

}  // namespace caft::tensorrt
