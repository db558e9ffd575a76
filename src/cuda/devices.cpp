// What CUDA sees of this machine.
#include "caft/core/gpu.hpp"

#include <fmt/format.h>

#include "core/plugin.hpp"
#include "cuda/device_names.hpp"
#include "cuda/runtime.hpp"

CAFT_PLUGIN_VERSION

namespace caft::cuda {
namespace {

/// "13.0" of CUDA's 13000.
std::string version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

GpuInfo describe(int index) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, index), fmt::format("GPU {}", index));
  return {.index = index,
          .name = properties.name,
          .uuid = uuid_text(properties.uuid),
          .major = properties.major,
          .minor = properties.minor,
          .memory = properties.totalGlobalMem};
}

}  // namespace
}  // namespace caft::cuda

extern "C" void caft_cuda_gpu_list(caft::GpuList& list) {
  namespace cuda = caft::cuda;
  int driver = 0, runtime = 0, count = 0;
  cudaRuntimeGetVersion(&runtime);
  cudaDriverGetVersion(&driver);
  list.runtime = "CUDA " + cuda::version_text(runtime);
  if (driver == 0) {
    list.reason = "there is no NVIDIA driver";
    return;
  }
  list.runtime += ", driver for CUDA " + cuda::version_text(driver);
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) {
    list.reason = cudaGetErrorString(status);
    return;
  }
  try {
    for (int i = 0; i < count; ++i) list.gpus.push_back(cuda::describe(i));
  } catch (const caft::Error& error) {
    list.reason = error.what();
  }
}
