// From encoded images to features: decode, preprocess and engine, on every core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
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

/// Who turns JPEGs into pixels. A GPU takes ordinary JPEGs; whatever else there is (PNG, WebP,
/// CMYK, damaged files) the CPU decodes in the same run, and reports as always.
enum class DecodeWhere : std::uint8_t {
  automatic,  ///< the engine's GPU, where there is one and libcaft_cuda can use it
  cpu,
  gpu,
};
std::string_view to_string(DecodeWhere where) noexcept;       ///< "auto", "cpu", "gpu"
DecodeWhere decode_where_from_string(std::string_view name);  ///< throws Error(usage)

struct ExtractOptions {
  int workers = 0;  ///< 0: chosen from the engine and the cores; with GPUs, lanes a GPU
  DecodeLimits limits;
  DecodeWhere decode = DecodeWhere::automatic;
};

/// Seconds of work, summed over the workers: where the time went. Of a GPU's decoding and
/// inference, the seconds that threads waited for it.
struct ExtractTimes {
  double fetch = 0, decode = 0, engine = 0;
};

/// Runs every item of `task` through `backbone`. Rows arrive in no particular order. With an engine
/// on the CPU each worker does all stages for its own batch, so no queue stands between them and
/// memory is bounded by workers x batch. With engines on GPUs, a thread a core reads into a bounded
/// queue, and a few lanes a GPU take batches from it; all of the backbone's GPUs share the queue.
/// Non-finite features are Error(mismatch): the engine is at fault, not the image.
ExtractTimes extract(const Backbone& backbone, const ExtractTask& task,
                     const ExtractOptions& options = {});

}  // namespace caft
