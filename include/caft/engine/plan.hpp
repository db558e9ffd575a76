// What an engine compiled ahead of time (a TensorRT plan) tells of itself.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "caft/core/percentiles.hpp"
#include "caft/engine/engine.hpp"

namespace caft {

/// A layer of the compiled network, after fusion.
struct PlanLayer {
  std::string name, type;
  std::string inputs, outputs;          ///< "half [?,64,56,56] in channels-last", one text each
  std::vector<std::string> precisions;  ///< of its outputs: "half", "int8", "float"
};

/// A layer's share of a run.
struct LayerTime {
  std::string name, type, precision;
  double milliseconds = 0;  ///< median over the runs
  double share = 0;         ///< of the sum over all layers, 0 to 1
};

struct PlanSummary {
  std::filesystem::path file;  ///< empty for an engine that is in no file
  std::string tensorrt;        ///< "10.6.0"
  std::string gpu;             ///< "NVIDIA H200 (sm_90)"
  bool foreign = false;        ///< not built by this installation
  std::vector<TensorInfo> inputs, outputs;
  std::vector<BatchRange> profiles;
  std::size_t device_memory = 0;  ///< bytes of activations a context needs
  std::size_t bytes = 0;          ///< of the plan
  double build_seconds = 0;       ///< 0 when unknown
  std::vector<PlanLayer> layers;
  /// Where the layers are not what was asked for: "asked for fp16, but 3 of 60 layers are float".
  std::vector<std::string> warnings;
};

/// One line of a benchmark: a batch size and a number of streams.
struct PlanMeasurement {
  int batch = 0, streams = 1;
  bool transfers = true;  ///< with copies from and to host memory, or on device memory alone
  bool graph = false;     ///< launched as a CUDA graph
  int runs = 0;           ///< requests that were timed, over all streams
  double images_per_second = 0;
  Percentiles latency;           ///< of a request, from the call to the outputs
  Percentiles h2d, gpu, d2h;     ///< its parts by CUDA events
  Percentiles enqueue;           ///< host time of giving it to the GPU
  double joules_per_image = -1;  ///< by NVML's energy counter; -1 where it does not tell
};

struct MeasureOptions {
  int batch = 1;
  int streams = 1;
  bool transfers = true;
  double warm_up = 0.2, seconds = 2;  ///< seconds
};

/// The facet of an Engine that was compiled ahead of time.
class PlanEngine {
 public:
  virtual ~PlanEngine() = default;
  [[nodiscard]] virtual PlanSummary inspect() = 0;
  /// Times each layer over `runs` runs of one batch.
  [[nodiscard]] virtual std::vector<LayerTime> profile(int batch, int runs) = 0;
  /// Seeded random inputs; warm-up first. Throws Error(usage) on a batch outside the profiles.
  [[nodiscard]] virtual PlanMeasurement measure(const MeasureOptions& options) = 0;
  /// Keeps the golden check's result in the plan's manifest.
  virtual void record_golden(double cosine) = 0;
};

}  // namespace caft
