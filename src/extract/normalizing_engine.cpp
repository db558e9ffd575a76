#include "extract/normalizing_engine.hpp"

#include <string>
#include <utility>

#include "caft/core/error.hpp"
#include "engine/views.hpp"

namespace caft {
namespace {

class NormalizingContext final : public Context {
 public:
  NormalizingContext(const Engine& outer, const Engine& inner, std::unique_ptr<Context> context,
                     const Preprocessing& spec)
      : outer_(outer), inner_(inner), context_(std::move(context)), spec_(spec) {}

  void infer(std::span<const TensorView> inputs, std::span<const TensorView> outputs) override {
    const BoundBatch batch = bind_views(outer_, inputs, outputs);
    const auto rows = static_cast<std::size_t>(batch.rows);
    const std::size_t image =
        static_cast<std::size_t>(spec_.height) * static_cast<std::size_t>(spec_.width) * 3;
    floats_.resize(rows * image);
    const auto* pixels = static_cast<const std::uint8_t*>(batch.inputs.front()->data);
    for (std::size_t i = 0; i < rows; ++i) {
      normalize_to_chw({pixels + i * image, image}, spec_, {floats_.data() + i * image, image});
    }
    TensorView input{.name = inner_.inputs().front().name,
                     .data = floats_.data(),
                     .dtype = DType::f32,
                     .shape = inner_.inputs().front().shape};
    input.shape.front() = batch.rows;
    context_->infer({&input, 1}, outputs);
  }

 private:
  const Engine& outer_;
  const Engine& inner_;
  std::unique_ptr<Context> context_;
  Preprocessing spec_;
  std::vector<float> floats_;
};

class NormalizingEngine final : public Engine {
 public:
  NormalizingEngine(std::shared_ptr<Engine> inner, const Preprocessing& spec)
      : inner_(std::move(inner)),
        spec_(spec),
        inputs_{{inner_->inputs().front().name, DType::u8, {-1, spec.height, spec.width, 3}}} {}

  [[nodiscard]] const std::vector<TensorInfo>& inputs() const override { return inputs_; }
  [[nodiscard]] const std::vector<TensorInfo>& outputs() const override {
    return inner_->outputs();
  }
  [[nodiscard]] BatchRange batch() const override { return inner_->batch(); }
  [[nodiscard]] Precision precision() const override { return inner_->precision(); }
  [[nodiscard]] Device device() const override { return {}; }
  [[nodiscard]] int preferred_contexts() const override { return inner_->preferred_contexts(); }
  [[nodiscard]] std::string description() const override {
    return inner_->description() + ", normalised on the CPU";
  }
  [[nodiscard]] std::unique_ptr<Context> create_context() override {
    return std::make_unique<NormalizingContext>(*this, *inner_, inner_->create_context(), spec_);
  }
  [[nodiscard]] PlanEngine* plan() override { return inner_->plan(); }

 private:
  std::shared_ptr<Engine> inner_;
  Preprocessing spec_;
  std::vector<TensorInfo> inputs_;
};

}  // namespace

std::shared_ptr<Engine> normalizing(std::shared_ptr<Engine> inner, const Preprocessing& spec) {
  const std::vector<TensorInfo>& inputs = inner->inputs();
  if (inputs.size() == 1 && inputs[0].dtype == DType::u8) return inner;
  const std::vector<std::int64_t> floats{-1, 3, spec.height, spec.width};
  if (inputs.size() != 1 || inputs[0].dtype != DType::f32 || inputs[0].shape != floats) {
    throw Error(ErrorKind::mismatch,
                "the plan takes " + std::string(to_string(inputs[0].dtype)) + " " +
                    shape_text(inputs[0].shape) + ", not f32 " + shape_text(floats) +
                    " as the backbone's card says",
                "name the backbone that it was made of");
  }
  return std::make_shared<NormalizingEngine>(std::move(inner), spec);
}

}  // namespace caft
