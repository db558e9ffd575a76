// The TensorRT backend's face: what the registry finds in libcaft_tensorrt.so.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <string>

#include "caft/core/error.hpp"
#include "caft/engine/engine.hpp"
#include "core/file_lock.hpp"
#include "core/log.hpp"
#include "core/plugin.hpp"
#include "cuda/runtime.hpp"
#include "engine/config.hpp"
#include "engine/tensorrt/build.hpp"
#include "engine/tensorrt/engine.hpp"
#include "engine/tensorrt/plan_store.hpp"
#include "engine/tensorrt/versions.hpp"

CAFT_PLUGIN_VERSION

namespace caft::tensorrt {
namespace {

constexpr int max_level = 5;

void check_options(const EngineConfig& config) {
  check_config(config);
  for (const BatchRange& range : config.plan.more_profiles) {
    EngineConfig other = config;
    other.batch = range;
    check_config(other);
  }
  if (config.plan.optimization_level < 0 || config.plan.optimization_level > max_level) {
    throw Error(ErrorKind::usage, "the builder's optimization level must be 0 to 5");
  }
}

/// Builds the plan unless the store has it; other processes that want the same one wait.
void ensure(const StoredPlan& stored, const BuildPlan& plan) {
  const FileLock lock(stored.lock_file());
  const std::string problem =
      plan.config.plan.rebuild ? "a rebuild was asked for" : stored.problem();
  if (problem.empty()) return;
  log_info("building {} in {} for this GPU ({})", plan.config.onnx.stem().string(),
           to_string(plan.config.precision), problem);
  const auto start = std::chrono::steady_clock::now();
  const std::unique_ptr<nvinfer1::IHostMemory> bytes = build(plan);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  stored.write({static_cast<const std::byte*>(bytes->data()), bytes->size()}, seconds);
  log_info("built in {:.0f} s: {}", seconds, stored.file().string());
}

class TensorRtBackend final : public Backend {
 public:
  [[nodiscard]] std::string_view name() const override { return "tensorrt"; }

  [[nodiscard]] Availability availability() const override {
    if (!library_fits()) {
      return {false,
              fmt::format("TensorRT {} is installed, but caft was built with {}'s headers",
                          library_version(), header_version()),
              "build caft again with TENSORRT_DIR set to the TensorRT that is installed"};
    }
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess || count == 0) {
      (void)cudaGetLastError();
      return {false,
              fmt::format("tensorrt {}, but no NVIDIA GPU can be used ({})", library_version(),
                          status != cudaSuccess ? cudaGetErrorString(status) : "there is none"),
              "install NVIDIA's driver, or use --backend openvino"};
    }
    return {true, fmt::format("tensorrt {}, {}", library_version(), current_gpu().text()), ""};
  }

  [[nodiscard]] std::unique_ptr<Engine> build(const EngineConfig& config) const override {
    check_options(config);
    if (const Availability state = availability(); !state.available) {
      throw Error(ErrorKind::unavailable, state.detail, state.remedy);
    }
    cuda::set_device(config.device_index);
    load_plugins(config.plan.plugins);
    if (!config.plan.trusted_plan.empty()) {
      return std::make_unique<TensorRtEngine>(
          PlanOrigin{config.plan.trusted_plan, true, Precision::automatic, config.device_index},
          config, "");
    }
    const BuildPlan plan = prepare(config);
    const StoredPlan stored(plan, current_gpu());
    ensure(stored, plan);
    return std::make_unique<TensorRtEngine>(
        PlanOrigin{stored.file(), false, plan.config.precision, config.device_index}, config,
        config.plan.strip_weights ? plan.onnx : std::string());
  }
};

}  // namespace
}  // namespace caft::tensorrt

/// Never destroyed: the library stays open for the life of the process.
extern "C" caft::Backend* caft_tensorrt_backend() {
  static auto* const backend = new caft::tensorrt::TensorRtBackend;
  return backend;
}
