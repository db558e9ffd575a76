#include "engine/openvino/engine.hpp"

#include <algorithm>

#include "caft/core/error.hpp"
#include "engine/openvino/compile.hpp"
#include "engine/openvino/convert.hpp"
#include "engine/precision.hpp"
#include "engine/views.hpp"

namespace caft::openvino {
namespace {

/// The caller's memory as OpenVINO sees it; nothing is copied.
ov::Tensor wrap(const TensorView& view) {
  return {to_element(view.dtype), ov::Shape(view.shape.begin(), view.shape.end()), view.data};
}

class OpenVinoContext final : public Context {
 public:
  explicit OpenVinoContext(OpenVinoEngine& engine)
      : engine_(engine), fixed_(engine.fixed_request()) {}

  void infer(std::span<const TensorView> inputs, std::span<const TensorView> outputs) override {
    const BoundBatch batch = bind_views(engine_, inputs, outputs);
    guarded(ErrorKind::unavailable, "OpenVINO failed to run a batch", "", [&] {
      ov::InferRequest& request = request_for(batch.rows);
      for (std::size_t i = 0; i < batch.inputs.size(); ++i) {
        request.set_input_tensor(i, wrap(*batch.inputs[i]));
      }
      for (std::size_t i = 0; i < batch.outputs.size(); ++i) {
        request.set_output_tensor(i, wrap(*batch.outputs[i]));
      }
      // Started and awaited rather than run here: the work stays on the streams' own threads.
      request.start_async();
      request.wait();
    });
  }

 private:
  ov::InferRequest& request_for(std::int64_t rows) {
    if (rows == engine_.batch().opt) return fixed_;
    if (!any_) any_ = engine_.any_request();
    return *any_;
  }

  OpenVinoEngine& engine_;
  ov::InferRequest fixed_;
  std::optional<ov::InferRequest> any_;
};

}  // namespace

OpenVinoEngine::OpenVinoEngine(const EngineConfig& config)
    : config_(config), network_(read_network(shared_core(), config)) {
  ov::Core& core = shared_core();
  const Precision wanted = choose_precision(config.precision, network_.quantized, cpu_support(core),
                                            "openvino", config.onnx);
  fixed_ = compile(core, with_batch(network_, config.batch.opt), config_, wanted);
  precision_ = running_precision(fixed_);
  if (config.precision != Precision::automatic && precision_ != wanted) {
    throw Error(ErrorKind::usage,
                config.onnx.string() + " was asked to run as " + std::string(to_string(wanted)) +
                    ", but OpenVINO runs it as " + std::string(to_string(precision_)),
                "use precision auto");
  }
  config_.precision = wanted;
  preferred_contexts_ =
      std::max(1, static_cast<int>(fixed_.get_property(ov::optimal_number_of_infer_requests)));
  description_ = "openvino " + runtime_version() + ", " + cpu_name(core) + ", " +
                 std::string(to_string(precision_));
}

std::unique_ptr<Context> OpenVinoEngine::create_context() {
  return guarded(ErrorKind::unavailable, "OpenVINO cannot make an inference request", "",
                 [&] { return std::make_unique<OpenVinoContext>(*this); });
}

ov::InferRequest OpenVinoEngine::fixed_request() { return fixed_.create_infer_request(); }

ov::InferRequest OpenVinoEngine::any_request() {
  const std::lock_guard lock(mutex_);
  if (!any_) any_ = compile(shared_core(), network_.model, config_, config_.precision);
  return any_->create_infer_request();
}

}  // namespace caft::openvino
