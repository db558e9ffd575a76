// How much of request bodies may lie in memory at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace caft::serve {

/// Bytes that requests in flight share. Thread-safe.
class ByteBudget {
 public:
  explicit ByteBudget(std::size_t bytes) : left_(bytes) {}

  /// What a request holds; given back when it goes.
  class Share {
   public:
    Share() = default;
    Share(ByteBudget* budget, std::size_t bytes) : budget_(budget), bytes_(bytes) {}
    Share(Share&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Share() {
      if (budget_ != nullptr) budget_->left_ += bytes_;
    }
    explicit operator bool() const { return budget_ != nullptr; }

   private:
    ByteBudget* budget_ = nullptr;
    std::size_t bytes_ = 0;
  };

  /// False where so much is not left.
  [[nodiscard]] Share take(std::size_t bytes) {
    std::size_t left = left_;
    while (left >= bytes) {
      if (left_.compare_exchange_weak(left, left - bytes)) return Share(this, bytes);
    }
    return {};
  }

 private:
  std::atomic<std::size_t> left_;
};

}  // namespace caft::serve
