// One allocation for all that a training run keeps on the GPU, so that what it takes is known, and
// can be refused, before any of it is taken.
#pragma once

#include <cstddef>

#include "cuda/runtime.hpp"

namespace caft::cuda {

/// Places arrays one after the other, first only to measure, then in memory: call the same places
/// in the same order before and after `allocate`. Memory is zeros.
class Arena {
 public:
  /// Null while measuring.
  template <typename T>
  T* place(std::size_t count) {
    used_ = (used_ + kAlignment - 1) / kAlignment * kAlignment;
    std::byte* at = memory_.data() == nullptr ? nullptr : memory_.data() + used_;
    used_ += count * sizeof(T);
    return reinterpret_cast<T*>(at);
  }

  [[nodiscard]] std::size_t used() const { return used_; }

  void allocate() {
    memory_ = DeviceBuffer<std::byte>(used_);
    check(cudaMemset(memory_.data(), 0, used_), "GPU memory");
    used_ = 0;
  }

 private:
  static constexpr std::size_t kAlignment = 512;
  DeviceBuffer<std::byte> memory_;
  std::size_t used_ = 0;
};

}  // namespace caft::cuda
