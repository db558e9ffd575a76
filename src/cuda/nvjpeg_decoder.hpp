// nvJPEG behind one call: a batch of JPEGs to planes of samples in GPU memory.
#pragma once

#include <nvjpeg.h>

#include <atomic>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "caft/core/error.hpp"
#include "cuda/image_loader.hpp"
#include "cuda/image_math.hpp"
#include "cuda/runtime.hpp"

namespace caft::cuda {

/// What nvJPEG takes, counted and capped: nvJPEG calls these functions for every buffer of its own.
/// A request beyond the cap fails, and the image it was for goes to the CPU.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t cap) : cap_(cap) {}
  [[nodiscard]] bool take(std::size_t bytes) {
    if (used_.fetch_add(bytes) + bytes <= cap_) return true;
    used_ -= bytes;
    return false;
  }
  void give_back(std::size_t bytes) { used_ -= bytes; }
  [[nodiscard]] std::size_t used() const { return used_; }

 private:
  std::size_t cap_;
  std::atomic<std::size_t> used_{0};
};

/// A JPEG and where its planes go: luma and two colour planes.
struct JpegToDecode {
  std::span<const std::byte> file;
  image::JpegInfo jpeg;
  Plane planes[3];
  bool decoded = false;
};

/// Not thread-safe. The planes are as the file stores them: neither upsampled nor converted, so
/// that the kernels do both as libjpeg does, and only the inverse DCT's rounding is the decoder's.
class NvJpegDecoder {
 public:
  NvJpegDecoder(JpegBackend backend, std::size_t memory);
  ~NvJpegDecoder();
  NvJpegDecoder(const NvJpegDecoder&) = delete;
  NvJpegDecoder& operator=(const NvJpegDecoder&) = delete;

  /// Enqueues the decoding of all `jpegs` and says in each whether it was accepted. The files must
  /// stay until the stream has been waited for.
  void decode(std::span<JpegToDecode> jpegs, cudaStream_t stream);

  [[nodiscard]] bool is_hardware() const { return hardware_; }
  [[nodiscard]] std::string name() const;
  [[nodiscard]] std::size_t bytes() const { return device_.used(); }

 private:
  [[nodiscard]] bool takes_in_batch(const JpegToDecode& jpeg);
  void decode_batch(std::span<JpegToDecode* const> jpegs, cudaStream_t stream);
  bool try_batch(std::span<JpegToDecode* const> jpegs, cudaStream_t stream);
  void decode_one(JpegToDecode& jpeg, cudaStream_t stream);
  void open_single();
  void make_state();

  MemoryBudget device_, pinned_;
  nvjpegDevAllocatorV2_t device_allocator_{};
  nvjpegPinnedAllocatorV2_t pinned_allocator_{};
  bool hardware_ = false;
  nvjpegHandle_t handle_ = nullptr;
  nvjpegJpegState_t state_ = nullptr;
  nvjpegJpegStream_t header_ = nullptr;
  // For what the batched decoder does not take: one image at a time, Huffman decoding on the CPU.
  static constexpr int kBuffers = 2;
  nvjpegJpegDecoder_t single_ = nullptr;
  nvjpegJpegState_t single_state_ = nullptr;
  nvjpegDecodeParams_t params_ = nullptr;
  nvjpegBufferDevice_t device_buffer_ = nullptr;
  nvjpegBufferPinned_t pinned_buffer_[kBuffers] = {};
  nvjpegJpegStream_t bitstream_[kBuffers] = {};
  int next_buffer_ = 0;
  std::vector<const unsigned char*> data_;
  std::vector<std::size_t> lengths_;
  std::vector<nvjpegImage_t> outputs_;
};

}  // namespace caft::cuda
