#include "engine/openvino/compile.hpp"

#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "caft/core/error.hpp"
#include "caft/core/system_info.hpp"
#include "engine/openvino/convert.hpp"
#include "engine/openvino/full_precision.hpp"

namespace caft::openvino {
namespace {

constexpr const char* device = "CPU";

/// Threads to tell OpenVINO about; 0 leaves the choice to it. It knows the machine's cores but not
/// a container's quota.
int thread_limit(const EngineConfig& config) {
  if (config.threads > 0) return config.threads;
  const int usable = usable_cores();
  return usable < static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)) ? usable : 0;
}

ov::element::Type float_type(Precision precision, const PrecisionSupport& support) {
  switch (precision) {
    case Precision::bf16:
      return ov::element::bf16;
    case Precision::fp16:
      return ov::element::f16;
    // What a quantised graph leaves in floats (squeeze-excite gates, the pooled features).
    case Precision::int8:
      return support.bf16 ? ov::element::bf16 : ov::element::f32;
    default:
      return ov::element::f32;
  }
}

}  // namespace

ov::Core& shared_core() {
  static ov::Core& core = *new ov::Core;
  return core;
}

PrecisionSupport cpu_support(ov::Core& core) {
  const auto has = core.get_property(device, ov::device::capabilities);
  PrecisionSupport support;
  support.bf16 = std::ranges::find(has, ov::device::capability::BF16) != has.end();
  support.fp16 = std::ranges::find(has, ov::device::capability::FP16) != has.end();
  return support;
}

std::string runtime_version() {
  const std::string build = ov::get_openvino_version().buildNumber;
  return build.substr(0, build.find('-'));
}

std::string cpu_name(ov::Core& core) { return core.get_property(device, ov::device::full_name); }

ov::CompiledModel compile(ov::Core& core, const std::shared_ptr<const ov::Model>& model,
                          const EngineConfig& config, Precision precision) {
  ov::AnyMap options{ov::hint::inference_precision(float_type(precision, cpu_support(core)))};
  if (config.latency) {
    options.insert(ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY));
    options.insert(ov::num_streams(1));
  } else {
    options.insert(ov::hint::performance_mode(ov::hint::PerformanceMode::THROUGHPUT));
  }
  if (const int threads = thread_limit(config); threads > 0) {
    options.insert(ov::inference_num_threads(threads));
  }
  return guarded(ErrorKind::bad_input, "OpenVINO cannot compile " + config.onnx.string(), "", [&] {
    if (precision == Precision::bf16) {
      const std::shared_ptr<ov::Model> marked = model->clone();
      keep_first_convolutions(marked);
      try {
        return core.compile_model(marked, device, options);
      } catch (const ov::Exception&) {
        // The plugin cannot join layers of two precisions in every graph. Then all of it runs as
        // was asked for, and the golden sample judges the features.
      }
    }
    return core.compile_model(model, device, options);
  });
}

// The keys are OpenVINO's ExecutionNode attributes, whose header its wheel leaves out.
Precision running_precision(const ov::CompiledModel& compiled) {
  for (const std::shared_ptr<ov::Node>& layer : compiled.get_runtime_model()->get_ops()) {
    const ov::RTMap& info = layer->get_rt_info();
    const auto type = info.find("layerType");
    const auto precision = info.find("runtimePrecision");
    if (type == info.end() || precision == info.end()) continue;
    const auto kind = type->second.as<std::string>();
    if (kind != "Convolution" && kind != "FullyConnected" && kind != "MatMul") continue;
    const auto runs = precision->second.as<ov::element::Type>();
    if (runs == ov::element::i8 || runs == ov::element::u8) return Precision::int8;
  }
  switch (compiled.get_property(ov::hint::inference_precision)) {
    case ov::element::Type_t::bf16:
      return Precision::bf16;
    case ov::element::Type_t::f16:
      return Precision::fp16;
    default:
      return Precision::fp32;
  }
}

}  // namespace caft::openvino
