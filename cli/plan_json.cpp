#include "plan_json.hpp"

namespace caft::cli {
namespace {

nlohmann::json ports_json(const std::vector<TensorInfo>& ports) {
  nlohmann::json json = nlohmann::json::array();
  for (const TensorInfo& port : ports) {
    json.push_back({{"name", port.name}, {"dtype", to_string(port.dtype)}, {"shape", port.shape}});
  }
  return json;
}

}  // namespace

nlohmann::json percentiles_json(const Percentiles& times) {
  return {{"mean", times.mean}, {"p50", times.p50}, {"p90", times.p90}, {"p99", times.p99}};
}

nlohmann::json plan_json(const PlanSummary& summary) {
  nlohmann::json profiles = nlohmann::json::array(), layers = nlohmann::json::array();
  for (const BatchRange& range : summary.profiles) {
    profiles.push_back({{"min", range.min}, {"opt", range.opt}, {"max", range.max}});
  }
  for (const PlanLayer& layer : summary.layers) {
    layers.push_back({{"name", layer.name},
                      {"type", layer.type},
                      {"inputs", layer.inputs},
                      {"outputs", layer.outputs},
                      {"precisions", layer.precisions}});
  }
  return {{"plan", summary.file.string()},
          {"tensorrt", summary.tensorrt},
          {"gpu", summary.gpu},
          {"foreign", summary.foreign},
          {"inputs", ports_json(summary.inputs)},
          {"outputs", ports_json(summary.outputs)},
          {"profiles", profiles},
          {"device_memory", summary.device_memory},
          {"bytes", summary.bytes},
          {"build_seconds", summary.build_seconds},
          {"layers", layers},
          {"warnings", summary.warnings}};
}

nlohmann::json measurement_json(const PlanMeasurement& measurement) {
  nlohmann::json json = {{"batch", measurement.batch},
                         {"streams", measurement.streams},
                         {"transfers", measurement.transfers},
                         {"cuda_graph", measurement.graph},
                         {"runs", measurement.runs},
                         {"images_per_second", measurement.images_per_second},
                         {"latency_ms", percentiles_json(measurement.latency)},
                         {"enqueue_ms", percentiles_json(measurement.enqueue)}};
  if (measurement.transfers) {
    json["h2d_ms"] = percentiles_json(measurement.h2d);
    json["gpu_ms"] = percentiles_json(measurement.gpu);
    json["d2h_ms"] = percentiles_json(measurement.d2h);
  }
  if (measurement.joules_per_image >= 0) json["joules_per_image"] = measurement.joules_per_image;
  return json;
}

}  // namespace caft::cli
