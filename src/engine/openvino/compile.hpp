// Compiling a model for this CPU, and reading back what it became.
#pragma once

#include <memory>
#include <openvino/openvino.hpp>

#include "caft/engine/engine.hpp"
#include "engine/precision.hpp"

namespace caft::openvino {

/// The one runtime of this process. Never destroyed: its plugins' threads may outlive main.
ov::Core& shared_core();

/// What the CPU plugin offers here.
PrecisionSupport cpu_support(ov::Core& core);

/// "2026.4.1"
std::string runtime_version();

/// CPU model as OpenVINO tells it ("AMD EPYC").
std::string cpu_name(ov::Core& core);

/// Compiles for throughput (as many streams as keep the cores busy) or latency. `precision` is one
/// of fp32, bf16 (its first layers in fp32: full_precision.hpp), fp16, int8. Throws
/// Error(bad_input) naming the operator that cannot be compiled.
ov::CompiledModel compile(ov::Core& core, const std::shared_ptr<const ov::Model>& model,
                          const EngineConfig& config, Precision precision);

/// The precision that `compiled` really runs in: int8 when any of its layers does, else the float
/// type that the plugin settled on.
Precision running_precision(const ov::CompiledModel& compiled);

}  // namespace caft::openvino
