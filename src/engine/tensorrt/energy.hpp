// A GPU's energy counter.
#pragma once

#include <string>

namespace caft::tensorrt {

/// NVML's total energy of one GPU (Volta and later), opened at need: the library comes with the
/// driver.
class Energy {
 public:
  explicit Energy(const std::string& gpu_uuid);
  Energy(const Energy&) = delete;
  Energy& operator=(const Energy&) = delete;
  ~Energy();
  /// Joules since the driver was loaded, -1 where NVML does not tell.
  [[nodiscard]] double joules() const;

 private:
  void* library_ = nullptr;
  void* device_ = nullptr;
};

}  // namespace caft::tensorrt
