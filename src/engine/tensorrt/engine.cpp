#include "engine/tensorrt/engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "caft/core/error.hpp"
#include "cuda/runtime.hpp"
#include "engine/input_shape.hpp"
#include "engine/tensorrt/build.hpp"
#include "engine/tensorrt/context.hpp"
#include "engine/tensorrt/layers.hpp"
#include "engine/tensorrt/logger.hpp"
#include "engine/tensorrt/plan_store.hpp"
#include "engine/tensorrt/types.hpp"
#include "engine/tensorrt/versions.hpp"

namespace caft::tensorrt {

TensorRtEngine::TensorRtEngine(PlanOrigin origin, const EngineConfig& config,
                               const std::string& onnx)
    : origin_(std::move(origin)), gpu_(current_gpu()) {
  forget_errors();
  runtime_.reset(nvinfer1::createInferRuntime(logger()));
  if (!runtime_) {
    throw Error(ErrorKind::unavailable, "TensorRT cannot make a runtime: " + logged_errors());
  }
  // Version-compatible plans carry host code. The store's plans were built here, and a foreign one
  // is only run where the user has said to trust it.
  runtime_->setEngineHostCodeAllowed(true);
  engine_ = deserialize(*runtime_, origin_.file);
  if (!engine_) {
    throw Error(ErrorKind::mismatch,
                "TensorRT refuses " + origin_.file.string() + ": " + logged_errors(),
                "a plan runs only with the TensorRT and on the GPU model it was built for");
  }
  if (!onnx.empty()) refit(*engine_, onnx);
  describe_ports();
  check_batch_reaches_outputs(config);
  precision_ = origin_.wanted != Precision::automatic ? origin_.wanted
                                                      : widest_precision(read_layers(*engine_));
}

TensorRtEngine::~TensorRtEngine() = default;

void TensorRtEngine::check_batch_reaches_outputs(const EngineConfig& config) {
  const std::unique_ptr<nvinfer1::IExecutionContext> context(
      engine_->createExecutionContext(nvinfer1::ExecutionContextAllocationStrategy::kUSER_MANAGED));
  if (!context) {
    throw Error(ErrorKind::unavailable, "TensorRT cannot make a context: " + logged_errors());
  }
  for (const TensorInfo& info : inputs_) {
    nvinfer1::Dims dims = engine_->getTensorShape(info.name.c_str());
    dims.d[0] = profiles_.front().opt;
    context->setInputShape(info.name.c_str(), dims);
  }
  EngineConfig at_opt = config;
  at_opt.batch = profiles_.front();
  for (const TensorInfo& info : outputs_) {
    check_output_shape(info.name, to_shape(context->getTensorShape(info.name.c_str())), at_opt);
  }
}

void TensorRtEngine::describe_ports() {
  const std::string file = origin_.file.string();
  for (int i = 0; i < engine_->getNbIOTensors(); ++i) {
    const char* name = engine_->getIOTensorName(i);
    TensorInfo info{name, to_dtype(engine_->getTensorDataType(name), name),
                    to_shape(engine_->getTensorShape(name))};
    if (info.shape.empty() || std::ranges::any_of(info.shape.begin() + 1, info.shape.end(),
                                                  [](std::int64_t size) { return size < 0; })) {
      throw Error(ErrorKind::bad_input,
                  fmt::format("{}: tensor '{}' has no batch or an open size", file, name));
    }
    const bool input = engine_->getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT;
    (input ? inputs_ : outputs_).push_back(std::move(info));
  }
  if (inputs_.empty() || outputs_.empty()) {
    throw Error(ErrorKind::bad_input, file + " has no input or no output");
  }
  const auto rows = [&](int profile, nvinfer1::OptProfileSelector which) {
    return static_cast<int>(
        engine_->getProfileShape(inputs_.front().name.c_str(), profile, which).d[0]);
  };
  for (int i = 0; i < engine_->getNbOptimizationProfiles(); ++i) {
    profiles_.push_back({.min = rows(i, nvinfer1::OptProfileSelector::kMIN),
                         .opt = rows(i, nvinfer1::OptProfileSelector::kOPT),
                         .max = rows(i, nvinfer1::OptProfileSelector::kMAX)});
  }
  // A plan with a fixed batch has one size and says so in its shapes; views say -1 for the batch.
  for (std::vector<TensorInfo>* ports : {&inputs_, &outputs_}) {
    for (TensorInfo& info : *ports) info.shape.front() = -1;
  }
}

BatchRange TensorRtEngine::batch() const {
  BatchRange range = profiles_.front();
  for (const BatchRange& profile : profiles_) {
    range.min = std::min(range.min, profile.min);
    range.max = std::max(range.max, profile.max);
  }
  return range;
}

int TensorRtEngine::profile_for(std::int64_t rows) const {
  int best = -1;
  std::int64_t best_distance = 0;
  for (std::size_t i = 0; i < profiles_.size(); ++i) {
    const BatchRange& range = profiles_[i];
    if (rows < range.min || rows > range.max) continue;
    const std::int64_t distance = std::abs(rows - range.opt);
    if (best >= 0 && distance >= best_distance) continue;
    best = static_cast<int>(i);
    best_distance = distance;
  }
  if (best < 0) {
    throw Error(ErrorKind::usage,
                fmt::format("a batch of {} fits none of the plan's profiles", rows),
                "build it with a profile that spans this batch");
  }
  return best;
}

std::string TensorRtEngine::description() const {
  return fmt::format("tensorrt {}, {}, {}{}", library_version(), gpu_.text(), to_string(precision_),
                     origin_.foreign ? ", foreign plan" : "");
}

std::unique_ptr<Context> TensorRtEngine::create_context() {
  cuda::set_device(origin_.device_index);
  return std::make_unique<TensorRtContext>(*this);
}

PlanSummary TensorRtEngine::inspect() {
  PlanSummary summary{.file = origin_.file,
                      .tensorrt = library_version(),
                      .gpu = gpu_.text(),
                      .foreign = origin_.foreign,
                      .inputs = inputs_,
                      .outputs = outputs_,
                      .profiles = profiles_,
                      .layers = read_layers(*engine_)};
  summary.device_memory = static_cast<std::size_t>(engine_->getDeviceMemorySizeV2());
  summary.bytes = std::filesystem::file_size(origin_.file);
  const nlohmann::json manifest = read_manifest(origin_.file);
  if (manifest.is_object()) summary.build_seconds = manifest.value("build_seconds", 0.0);
  summary.warnings = precision_warnings(summary.layers, origin_.wanted, outputs_);
  return summary;
}

void TensorRtEngine::record_golden(double cosine) {
  if (!origin_.foreign) tensorrt::record_golden(origin_.file, cosine);
}

}  // namespace caft::tensorrt
