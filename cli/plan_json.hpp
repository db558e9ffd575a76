// What an engine compiled ahead of time tells of itself, as JSON.
#pragma once

#include <nlohmann/json.hpp>

#include "caft/engine/plan.hpp"

namespace caft::cli {

/// {mean, p50, p90, p99}
nlohmann::json percentiles_json(const Percentiles& times);

/// {plan, tensorrt, gpu, foreign, inputs, outputs, profiles, device_memory, bytes, build_seconds,
/// layers, warnings}
nlohmann::json plan_json(const PlanSummary& summary);

/// {batch, streams, transfers, cuda_graph, runs, images_per_second, latency_ms, h2d_ms, gpu_ms,
/// d2h_ms, enqueue_ms, joules_per_image}
nlohmann::json measurement_json(const PlanMeasurement& measurement);

}  // namespace caft::cli
