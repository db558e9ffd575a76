// From encoded images to features: decode, preprocess and engine, on every core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "caft/extract/backbone.hpp"

namespace caft {

/// Where the pieces of work come from and go to. All three are called from worker threads, several
/// at once, and must be thread-safe; an exception that they throw ends the run and is rethrown.
struct ExtractTask {
  std::size_t count = 0;
  /// Encoded bytes of item i; nothing to skip it. Error(bad_input | not_found | io) makes it a bad
  /// item, not the end of the run.
  std::function<std::optional<std::vector<std::byte>>(std::size_t i)> fetch;
  std::function<void(std::size_t i, std::span<const float> features)> row;
  std::function<void(std::size_t i, const std::string& reason)> bad;
};

struct ExtractOptions {
  int workers = 0;  ///< 0: chosen from the engine and the cores
  DecodeLimits limits;
};

/// Seconds of work, summed over the workers: where the time went.
struct ExtractTimes {
  double fetch = 0, decode = 0, engine = 0;
};

/// Runs every item of `task` through `backbone`. Rows arrive in no particular order. Each worker
/// does all stages for its own batch, so no queue stands between them and memory is bounded by
/// workers x batch. Non-finite features are Error(mismatch): the engine is at fault, not the image.
ExtractTimes extract(const Backbone& backbone, const ExtractTask& task,
                     const ExtractOptions& options = {});

}  // namespace caft
