// How fast a backbone runs here: the engine alone, decoding alone, and both together.
#pragma once

#include <string>
#include <vector>

#include "caft/core/percentiles.hpp"
#include "caft/data/dataset.hpp"
#include "caft/extract/extractor.hpp"

namespace caft {

struct EngineMeasurement {
  double images_per_second = 0;  ///< all contexts busy, batches of engine->batch().opt
  Percentiles batch_latency;     ///< of one such request
  Percentiles single_latency;    ///< of one image, one request at a time
  int contexts = 0;
};

/// Runs seeded pixels for about `seconds` after a warm-up, in each of the two ways.
EngineMeasurement measure_engine(const Backbone& backbone, double seconds);

struct PipelineMeasurement {
  double decode_images_per_second = 0;    ///< read, decode, resize and crop alone, on every core
  double pipeline_images_per_second = 0;  ///< all of it, as caching does, but nothing is stored
  std::string decoder;                    ///< "cpu" or "gpu"
  /// Decoding runs beside the engine, on another device or another part of it: the slower of the
  /// two bounds the pipeline.
  bool beside_engine = false;
};

/// Runs `images` through the pipeline `passes` times, with the decoder that extract() would choose,
/// on all of the backbone's devices. Throws Error(bad_input) when one is
/// unreadable: a benchmark over fewer images than it says would mislead.
PipelineMeasurement measure_pipeline(const Backbone& backbone,
                                     const std::vector<ImageSource>& images, int passes,
                                     const ExtractOptions& options = {});

}  // namespace caft
