// Float arrays aligned for vectors, and how rows are laid out in them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>

namespace caft::fused {

/// Floats in a cache line; rows and slices are multiples of it.
inline constexpr std::size_t kLine = 16;

/// Floats of an input or weight row of `width` values: the values, then a column that is 1 in
/// inputs and the bias in weights, then zeros up to an odd number of cache lines. Odd, because rows
/// that lie a power of two apart would all fall into the same few sets of the L1 cache.
constexpr std::size_t row_stride(std::size_t width) {
  return (((width + 1) + kLine - 1) / kLine | 1) * kLine;
}

/// Floats of a row of `width` outputs: rounded up to cache lines.
constexpr std::size_t output_stride(std::size_t width) {
  return (width + kLine - 1) / kLine * kLine;
}

/// A fixed number of floats, zero at first, aligned to cache lines. Move-only.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t size)
      : size_(size),
        data_(static_cast<float*>(
            ::operator new[](std::max<std::size_t>(size, 1) * sizeof(float), kAlignment))) {
    std::fill_n(data_.get(), size, 0.0F);
  }

  [[nodiscard]] float* data() { return data_.get(); }
  [[nodiscard]] const float* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::span<float> span() { return {data_.get(), size_}; }
  [[nodiscard]] std::span<const float> span() const { return {data_.get(), size_}; }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(float* data) const { ::operator delete[](data, kAlignment); }
  };
  std::size_t size_ = 0;
  std::unique_ptr<float[], Free> data_;
};

}  // namespace caft::fused
