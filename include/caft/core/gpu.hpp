// Which NVIDIA GPUs this machine has.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace caft {

struct GpuInfo {
  int index = 0;             ///< CUDA's, within CUDA_VISIBLE_DEVICES
  std::string name;          ///< "NVIDIA H200"
  std::string uuid;          ///< "GPU-xxxxxxxx-…", as nvidia-smi prints it
  int major = 0, minor = 0;  ///< compute capability
  std::size_t memory = 0;    ///< bytes in all
};

/// What CUDA sees: an empty list with a reason where there is none.
struct GpuList {
  std::vector<GpuInfo> gpus;
  std::string runtime;  ///< CUDA runtime and driver: "CUDA 13.0, driver 13.0"
  std::string reason;  ///< why there is none: "libcaft_cuda.so is not installed …", "no driver …"
};

/// Opens libcaft_cuda at need. Never throws for a missing driver, GPU or library: that is `reason`.
GpuList gpu_list();

}  // namespace caft
