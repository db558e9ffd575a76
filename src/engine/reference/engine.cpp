#include "engine/reference/engine.hpp"

#include <algorithm>
#include <cstring>

#include "caft/core/error.hpp"
#include "caft/core/system_info.hpp"
#include "caft/core/version.hpp"
#include "engine/input_shape.hpp"
#include "engine/precision.hpp"
#include "engine/views.hpp"

namespace caft::reference {
namespace {

class ReferenceContext final : public Context {
 public:
  explicit ReferenceContext(const ReferenceEngine& engine) : engine_(engine) {}
  void infer(std::span<const TensorView> inputs, std::span<const TensorView> outputs) override {
    engine_.infer(inputs, outputs);
  }

 private:
  const ReferenceEngine& engine_;
};

/// u8 [N, H, W, 3] as normalised f32 [N, 3, H, W].
void normalize(const TensorView& view, const InputNormalization& normalization, float* out) {
  const auto* pixels = static_cast<const std::uint8_t*>(view.data);
  const std::int64_t plane = view.shape[1] * view.shape[2];
  for (std::int64_t n = 0; n < view.shape[0]; ++n) {
    for (std::size_t c = 0; c < 3; ++c) {
      const float mean = normalization.mean[c], deviation = normalization.std[c];
      const std::uint8_t* from = pixels + n * plane * 3 + static_cast<std::int64_t>(c);
      for (std::int64_t i = 0; i < plane; ++i) {
        *out++ = (static_cast<float>(from[3 * i]) / 255.0F - mean) / deviation;
      }
    }
  }
}

}  // namespace

ReferenceEngine::ReferenceEngine(const EngineConfig& config)
    : config_(config),
      graph_(OnnxModel::load(config.onnx)),
      precision_(choose_precision(config.precision, graph_.model().is_quantized(), {}, "reference",
                                  config.onnx)) {
  describe_ports();
}

void ReferenceEngine::describe_ports() {
  const std::vector<OnnxValue> inputs = graph_.model().inputs(), outputs = graph_.model().outputs();
  if (inputs.empty()) throw Error(ErrorKind::bad_input, config_.onnx.string() + " has no input");
  if (config_.normalization) check_normalizable(inputs, config_);
  std::vector<Tensor> images;
  for (const OnnxValue& input : inputs) {
    if (input.type != float_type) {
      throw Error(ErrorKind::bad_input,
                  config_.onnx.string() + ": input '" + input.name + "' is not f32");
    }
    Shape shape = input_shape(input, config_);
    inputs_.push_back({input.name, DType::f32, shape});
    if (config_.normalization) {
      inputs_.back() = {input.name, DType::u8, {-1, shape[2], shape[3], shape[1]}};
    }
    shape[0] = config_.batch.opt;
    images.push_back({float_type, std::move(shape), {}, {}});
  }
  std::vector<Tensor> results;
  try {
    results = graph_.run(std::move(images), true);
  } catch (const Error& error) {
    const bool resized = config_.image_size.has_value();
    throw Error(
        resized ? ErrorKind::usage : error.kind(),
        config_.onnx.string() + (resized ? " cannot take this image size: " : ": ") + error.what(),
        resized ? "export it at that size" : "");
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    check_output_shape(outputs[i].name, results[i].shape, config_);
    if (!results[i].is_float()) {
      throw Error(ErrorKind::bad_input,
                  config_.onnx.string() + ": output '" + outputs[i].name + "' is not f32");
    }
    Shape shape = results[i].shape;
    shape[0] = -1;
    outputs_.push_back({outputs[i].name, DType::f32, std::move(shape)});
  }
}

int ReferenceEngine::preferred_contexts() const {
  if (config_.latency) return 1;
  return config_.threads > 0 ? config_.threads : usable_cores();
}

std::string ReferenceEngine::description() const {
  return "reference " + std::string(version()) + ", CPU, " + std::string(to_string(precision_));
}

std::unique_ptr<Context> ReferenceEngine::create_context() {
  return std::make_unique<ReferenceContext>(*this);
}

Tensor ReferenceEngine::read_input(const TensorView& view) const {
  Tensor tensor{float_type, view.shape, {}, {}};
  if (config_.normalization) {
    tensor.shape = {view.shape[0], view.shape[3], view.shape[1], view.shape[2]};
  }
  tensor.floats.resize(static_cast<std::size_t>(count(tensor.shape)));
  if (config_.normalization) {
    normalize(view, *config_.normalization, tensor.floats.data());
  } else {
    std::memcpy(tensor.floats.data(), view.data, tensor.floats.size() * sizeof(float));
  }
  return tensor;
}

void ReferenceEngine::infer(std::span<const TensorView> inputs,
                            std::span<const TensorView> outputs) const {
  const BoundBatch batch = bind_views(*this, inputs, outputs);
  std::vector<Tensor> tensors;
  for (const TensorView* view : batch.inputs) tensors.push_back(read_input(*view));
  const std::vector<Tensor> results = graph_.run(std::move(tensors), false);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].shape != batch.outputs[i]->shape) {
      throw Error(ErrorKind::bad_input,
                  "output '" + outputs_[i].name + "' came out as " + shape_text(results[i].shape));
    }
    std::memcpy(batch.outputs[i]->data, results[i].floats.data(),
                results[i].floats.size() * sizeof(float));
  }
}

}  // namespace caft::reference
