#include "engine/tensorrt/timing_cache.hpp"

#include <fmt/format.h>

#include <vector>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "core/file_lock.hpp"
#include "core/log.hpp"
#include "engine/tensorrt/gpu.hpp"
#include "engine/tensorrt/plan_store.hpp"
#include "engine/tensorrt/versions.hpp"

namespace caft::tensorrt {
namespace {

std::vector<std::byte> read_if_there(const std::filesystem::path& file) {
  try {
    return read_file(file);
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

TimingCache::TimingCache(const std::filesystem::path& store, nvinfer1::IBuilderConfig& options)
    : file_(store_folder(store) /
            fmt::format("timing-trt{}-{}.cache", library_version(), current_gpu().file_name())) {
  const std::vector<std::byte> bytes = read_if_there(file_);
  cache_.reset(options.createTimingCache(bytes.data(), bytes.size()));
  if (!cache_ && !bytes.empty()) cache_.reset(options.createTimingCache(nullptr, 0));
  if (cache_) options.setTimingCache(*cache_, false);
}

void TimingCache::save(nvinfer1::IBuilderConfig& options) {
  if (!cache_) return;
  try {
    const FileLock lock(file_.string() + ".lock");
    const std::vector<std::byte> now = read_if_there(file_);
    if (!now.empty()) {
      const std::unique_ptr<nvinfer1::ITimingCache> other(
          options.createTimingCache(now.data(), now.size()));
      if (other) cache_->combine(*other, true);
    }
    const std::unique_ptr<nvinfer1::IHostMemory> bytes(cache_->serialize());
    if (!bytes) return;
    write_file_atomically(file_, {static_cast<const std::byte*>(bytes->data()), bytes->size()});
  } catch (const Error& error) {
    log_warn("the timing cache was not kept: {}", error.what());
  }
}

}  // namespace caft::tensorrt
