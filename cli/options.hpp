// Options that several verbs take: which data, which backbone, which cache.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "caft/core/progress.hpp"
#include "caft/extract/backbone.hpp"
#include "caft/extract/cache_dataset.hpp"
#include "caft/head/trainer.hpp"

namespace caft::cli {

/// "lbfgs", "sgd", else AdamW.
Optimizer optimizer_of(const std::string& name);

/// How an engine is made: --backend, --precision, --threads, --batch.
struct EngineOptions {
  std::string backend, precision;
  int threads = 0, batch = 0;
  void add_to(CLI::App& app);
};

/// Who decodes JPEGs: --decode.
struct DecodeFlag {
  std::string where = "auto";
  void add_to(CLI::App& app);
  [[nodiscard]] DecodeWhere resolve() const { return decode_where_from_string(where); }
};

/// Where features go: --cache, --dtype, --max-bad, --shard-mib, --max-pixels, --decode.
struct CacheFlags {
  std::string folder, dtype = "fp16";
  double max_bad = 0.01;
  double shard_mib = 64;
  std::uint64_t max_pixels = DecodeLimits{}.max_pixels;
  DecodeFlag decode;
  void add_to(CLI::App& app);
  [[nodiscard]] CacheOptions resolve(ProgressSink* progress) const;
};

/// Which backbone makes them, on which GPUs, and from which pixels: --backbone, --devices,
/// --image-size, --squash, --exif.
struct BackboneFlags {
  std::string name = "efficientnet_lite0";
  int image_size = 0;
  bool squash = false, exif = false;
  std::string devices;
  EngineOptions engine;
  void add_to(CLI::App& app);
  [[nodiscard]] BackboneOptions resolve() const;
};

}  // namespace caft::cli
