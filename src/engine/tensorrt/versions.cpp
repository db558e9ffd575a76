#include "engine/tensorrt/versions.hpp"

#include <NvInferRuntime.h>
#include <NvInferVersion.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"

// Deprecated calls are made on purpose: they are the ones that older libraries have.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace caft::tensorrt {
namespace {

/// getInferLibVersion() is major * 10000 + minor * 100 + patch since TensorRT 10.
constexpr int number(int major, int minor) { return major * 10000 + minor * 100; }

std::string text(int version) {
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

/// A plan's bytes, front to back and by seeking.
class PlanFile {
 public:
  explicit PlanFile(const std::filesystem::path& path) : file_(File::open(path)) {}

  /// Bytes that were read: fewer than asked for at the end; -1 on an error.
  std::int64_t read(void* to, std::int64_t count) noexcept {
    try {
      const auto left = static_cast<std::int64_t>(file_.size()) - at_;
      const std::int64_t take = std::clamp<std::int64_t>(count, 0, std::max<std::int64_t>(left, 0));
      file_.read_at(static_cast<std::uint64_t>(at_),
                    {static_cast<std::byte*>(to), static_cast<std::size_t>(take)});
      at_ += take;
      return take;
    } catch (const std::exception&) {
      return -1;
    }
  }

  bool seek(std::int64_t to) noexcept {
    if (to < 0 || to > static_cast<std::int64_t>(file_.size())) return false;
    at_ = to;
    return true;
  }

  [[nodiscard]] std::int64_t at() const { return at_; }
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(file_.size()); }

 private:
  File file_;
  std::int64_t at_ = 0;
};

/// For libraries from 10.7 on. `to` may be device memory.
class SeekingReader final : public nvinfer1::IStreamReaderV2 {
 public:
  explicit SeekingReader(const std::filesystem::path& path) : file_(path) {}

  std::int64_t read(void* to, std::int64_t count, cudaStream_t stream) noexcept override {
    cudaPointerAttributes attributes{};
    if (cudaPointerGetAttributes(&attributes, to) != cudaSuccess ||
        attributes.type != cudaMemoryTypeDevice) {
      (void)cudaGetLastError();
      return file_.read(to, count);
    }
    try {
      staging_.resize(static_cast<std::size_t>(count));
    } catch (const std::bad_alloc&) {
      return -1;
    }
    const std::int64_t got = file_.read(staging_.data(), count);
    if (got <= 0) return got;
    const bool copied = cudaMemcpyAsync(to, staging_.data(), static_cast<std::size_t>(got),
                                        cudaMemcpyHostToDevice, stream) == cudaSuccess &&
                        cudaStreamSynchronize(stream) == cudaSuccess;
    return copied ? got : -1;
  }

  bool seek(std::int64_t offset, nvinfer1::SeekPosition where) noexcept override {
    switch (where) {
      case nvinfer1::SeekPosition::kSET:
        return file_.seek(offset);
      case nvinfer1::SeekPosition::kCUR:
        return file_.seek(file_.at() + offset);
      case nvinfer1::SeekPosition::kEND:
        return file_.seek(file_.size() + offset);
    }
    return false;
  }

 private:
  PlanFile file_;
  std::vector<std::byte> staging_;
};

#if NV_TENSORRT_MAJOR == 10
/// For 10.0 to 10.6.
class ForwardReader final : public nvinfer1::IStreamReader {
 public:
  explicit ForwardReader(const std::filesystem::path& path) : file_(path) {}
  std::int64_t read(void* to, std::int64_t count) override { return file_.read(to, count); }

 private:
  PlanFile file_;
};
#endif

}  // namespace

std::string library_version() { return text(getInferLibVersion()); }

std::string header_version() { return text(number(NV_TENSORRT_MAJOR, NV_TENSORRT_MINOR)); }

bool library_fits() { return getInferLibVersion() / 10000 == NV_TENSORRT_MAJOR; }

Typing quantized_typing() {
#if NV_TENSORRT_MAJOR == 10
  return Typing::int8_flags;
#else
  return Typing::strong;
#endif
}

std::unique_ptr<nvinfer1::INetworkDefinition> make_network(nvinfer1::IBuilder& builder,
                                                           [[maybe_unused]] Typing typing) {
  nvinfer1::NetworkDefinitionCreationFlags flags = 0;
#if NV_TENSORRT_MAJOR == 10
  if (typing == Typing::strong) {
    flags |= 1U << static_cast<unsigned>(nvinfer1::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED);
  }
#endif
  return std::unique_ptr<nvinfer1::INetworkDefinition>(builder.createNetworkV2(flags));
}

void set_typing([[maybe_unused]] nvinfer1::IBuilderConfig& config, [[maybe_unused]] Typing typing) {
#if NV_TENSORRT_MAJOR == 10
  if (typing == Typing::int8_flags) {
    config.setFlag(nvinfer1::BuilderFlag::kINT8);
    config.setFlag(nvinfer1::BuilderFlag::kFP16);
  }
#endif
}

std::unique_ptr<nvinfer1::ICudaEngine> deserialize(nvinfer1::IRuntime& runtime,
                                                   const std::filesystem::path& plan) {
#if NV_TENSORRT_MAJOR == 10
  if (getInferLibVersion() < number(10, 7)) {
    ForwardReader reader(plan);
    return std::unique_ptr<nvinfer1::ICudaEngine>(runtime.deserializeCudaEngine(reader));
  }
#endif
  SeekingReader reader(plan);
  return std::unique_ptr<nvinfer1::ICudaEngine>(runtime.deserializeCudaEngine(reader));
}

}  // namespace caft::tensorrt
