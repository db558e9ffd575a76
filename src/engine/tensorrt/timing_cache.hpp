// Kernel timings that builds share, so that the second build of a network takes a fraction.
#pragma once

#include <NvInfer.h>

#include <filesystem>
#include <memory>

namespace caft::tensorrt {

/// STORE/timing-TENSORRT-GPU.cache: read before a build, merged and written after it. A damaged or
/// foreign file is ignored: timings are only ever a matter of speed.
class TimingCache {
 public:
  /// Gives `options` the timings. `store` empty: CAFT_HOME/engines.
  TimingCache(const std::filesystem::path& store, nvinfer1::IBuilderConfig& options);
  /// Adds the new timings to the file. Another build may have written meanwhile: both are kept.
  void save(nvinfer1::IBuilderConfig& options);

 private:
  std::filesystem::path file_;
  std::unique_ptr<nvinfer1::ITimingCache> cache_;
};

}  // namespace caft::tensorrt
