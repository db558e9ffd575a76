// A plan on a GPU.
#pragma once

#include <NvInfer.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "caft/engine/engine.hpp"
#include "caft/engine/plan.hpp"
#include "engine/tensorrt/gpu.hpp"

namespace caft::tensorrt {

/// What is known of a plan beside its bytes.
struct PlanOrigin {
  std::filesystem::path file;
  bool foreign = false;                     ///< not from the store
  Precision wanted = Precision::automatic;  ///< automatic: unknown, told by the layers
  int device_index = 0;
};

class TensorRtEngine final : public Engine, public PlanEngine {
 public:
  /// Loads the plan that `config` led to onto the current device; with `onnx`, serialised, puts its
  /// weights in. Throws Error(mismatch) when TensorRT refuses it, Error(bad_input) when its outputs
  /// do not carry the batch, or Error(usage) when the image size is at fault.
  TensorRtEngine(PlanOrigin origin, const EngineConfig& config, const std::string& onnx);
  ~TensorRtEngine() override;

  [[nodiscard]] const std::vector<TensorInfo>& inputs() const override { return inputs_; }
  [[nodiscard]] const std::vector<TensorInfo>& outputs() const override { return outputs_; }
  [[nodiscard]] BatchRange batch() const override;
  [[nodiscard]] Precision precision() const override { return precision_; }
  [[nodiscard]] Device device() const override { return {DeviceKind::cuda, origin_.device_index}; }
  [[nodiscard]] int preferred_contexts() const override { return 2; }
  [[nodiscard]] std::string description() const override;
  [[nodiscard]] std::unique_ptr<Context> create_context() override;
  [[nodiscard]] PlanEngine* plan() override { return this; }

  [[nodiscard]] PlanSummary inspect() override;
  [[nodiscard]] std::vector<LayerTime> profile(int batch, int runs) override;
  [[nodiscard]] PlanMeasurement measure(const MeasureOptions& options) override;
  void record_golden(double cosine) override;

  [[nodiscard]] nvinfer1::ICudaEngine& cuda_engine() { return *engine_; }
  [[nodiscard]] const std::vector<BatchRange>& profiles() const { return profiles_; }
  /// The profile whose optimum is nearest to a batch of `rows`; throws Error(usage) when none
  /// takes it.
  [[nodiscard]] int profile_for(std::int64_t rows) const;

 private:
  void describe_ports();
  void check_batch_reaches_outputs(const EngineConfig& config);
  PlanOrigin origin_;
  Gpu gpu_;
  std::unique_ptr<nvinfer1::IRuntime> runtime_;  ///< outlives the engine
  std::unique_ptr<nvinfer1::ICudaEngine> engine_;
  std::vector<TensorInfo> inputs_, outputs_;
  std::vector<BatchRange> profiles_;
  Precision precision_ = Precision::fp32;
};

}  // namespace caft::tensorrt
