// Filling the activation cache with a data set's features.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "caft/cache/cache.hpp"
#include "caft/core/progress.hpp"
#include "caft/data/dataset.hpp"
#include "caft/extract/backbone.hpp"
#include "caft/extract/extractor.hpp"

namespace caft {

struct CacheOptions {
  std::filesystem::path folder;  ///< empty: CAFT_HOME/caches/BACKBONE-FINGERPRINT
  DType dtype = DType::f16;
  double max_bad = 0.01;  ///< share of the samples that may be unreadable before the run fails
  ExtractOptions extract;
  Cache::Writer::Options writer;
  ProgressSink* progress = nullptr;
};

struct BadFile {
  std::size_t sample = 0;  ///< index in the data set
  std::string path;
  std::string reason;
};

/// A data set's place in a cache.
struct CachedDataset {
  Cache cache;
  std::vector<std::optional<SampleKey>> keys;  ///< per sample; absent where the file is bad
  std::size_t computed = 0;  ///< samples that went through the backbone in this run
  std::size_t reused = 0;  ///< samples whose features were there already, or stand for two samples
  std::vector<BadFile> bad;
  double seconds = 0;
  ExtractTimes times;
};

/// The fingerprint of features that `backbone` makes, stored as `dtype`.
Fingerprint backbone_fingerprint(const Backbone& backbone, DType dtype);

/// Computes the features that the cache lacks and stores them. Can be killed at any moment and run
/// again: what was committed is kept. Throws Error(bad_input) when more than `max_bad` of the
/// samples are unreadable (what was computed stays cached), Error(mismatch) on a foreign cache
/// folder.
CachedDataset cache_dataset(const Dataset& dataset, const Backbone& backbone,
                            const CacheOptions& options = {});

}  // namespace caft
