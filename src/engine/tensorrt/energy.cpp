#include "engine/tensorrt/energy.hpp"

#include <dlfcn.h>
#include <nvml.h>

namespace caft::tensorrt {
namespace {

template <typename Function>
Function* symbol(void* library, const char* name) {
  return reinterpret_cast<Function*>(::dlsym(library, name));
}

}  // namespace

Energy::Energy(const std::string& gpu_uuid)
    : library_(::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL)) {
  if (library_ == nullptr) return;
  const auto init = symbol<decltype(nvmlInit_v2)>(library_, "nvmlInit_v2");
  const auto find =
      symbol<decltype(nvmlDeviceGetHandleByUUID)>(library_, "nvmlDeviceGetHandleByUUID");
  nvmlDevice_t device{};
  if (init != nullptr && find != nullptr && init() == NVML_SUCCESS &&
      find(gpu_uuid.c_str(), &device) == NVML_SUCCESS) {
    device_ = device;
  }
}

Energy::~Energy() {
  if (library_ != nullptr) ::dlclose(library_);
}

double Energy::joules() const {
  if (device_ == nullptr) return -1;
  const auto read = symbol<decltype(nvmlDeviceGetTotalEnergyConsumption)>(
      library_, "nvmlDeviceGetTotalEnergyConsumption");
  unsigned long long millijoules = 0;
  if (read == nullptr || read(static_cast<nvmlDevice_t>(device_), &millijoules) != NVML_SUCCESS) {
    return -1;
  }
  return static_cast<double>(millijoules) / 1000;
}

}  // namespace caft::tensorrt
