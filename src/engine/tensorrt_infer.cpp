#include "caft/tensorrt/infer.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "caft/core/error.hpp"
#include "engine/views.hpp"

namespace caft {
namespace {

std::shared_ptr<Engine> open_plan(const std::filesystem::path& plan, int device) {
  EngineConfig config;
  config.plan.trusted_plan = plan;
  config.device_index = device;
  return backend("tensorrt").build(config);
}

}  // namespace

TensorRTInfer::TensorRTInfer(std::shared_ptr<Engine> engine)
    : engine_(std::move(engine)), context_(engine_->create_context()) {}
TensorRTInfer::TensorRTInfer(const std::filesystem::path& plan, int device)
    : TensorRTInfer(open_plan(plan, device)) {}
TensorRTInfer::TensorRTInfer(const EngineConfig& config)
    : TensorRTInfer(std::shared_ptr<Engine>(backend("tensorrt").build(config))) {}
TensorRTInfer::TensorRTInfer(TensorRTInfer&&) noexcept = default;
TensorRTInfer& TensorRTInfer::operator=(TensorRTInfer&&) noexcept = default;
TensorRTInfer::~TensorRTInfer() = default;

TensorRTInfer TensorRTInfer::another() const { return TensorRTInfer(engine_); }

void TensorRTInfer::infer(std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
  infer_any_batch(*engine_, *context_, inputs, outputs);
}

}  // namespace caft
