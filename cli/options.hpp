// Options that several verbs take: which data, which backbone, which cache.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "caft/core/progress.hpp"
#include "caft/extract/backbone.hpp"
#include "caft/extract/cache_dataset.hpp"

namespace caft::cli {

/// How an engine is made: --backend, --precision, --threads, --batch.
struct EngineOptions {
  std::string backend, precision;
  int threads = 0, batch = 16;
  void add_to(CLI::App& app);
};

/// Where features go: --cache, --dtype, --max-bad, --shard-mib, --max-pixels.
struct CacheFlags {
  std::string folder, dtype = "fp16";
  double max_bad = 0.01;
  double shard_mib = 64;
  std::uint64_t max_pixels = DecodeLimits{}.max_pixels;
  void add_to(CLI::App& app);
  [[nodiscard]] CacheOptions resolve(ProgressSink* progress) const;
};

/// Which backbone makes them, and from which pixels: --backbone, --image-size, --squash, --exif.
struct BackboneFlags {
  std::string name = "efficientnet_lite0";
  int image_size = 0;
  bool squash = false, exif = false;
  EngineOptions engine;
  void add_to(CLI::App& app);
  [[nodiscard]] BackboneOptions resolve() const;
};

}  // namespace caft::cli
