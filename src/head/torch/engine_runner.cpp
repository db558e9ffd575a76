#include "head/torch/engine_runner.hpp"

#include <algorithm>

#include "caft/core/error.hpp"
#include "head/torch/describe.hpp"

namespace caft {
namespace {

const TensorInfo& pick(const std::vector<TensorInfo>& infos, const std::string& name,
                       const std::string& what) {
  std::string names;
  for (const TensorInfo& info : infos) {
    if (info.name == name) return info;
    names += (names.empty() ? "" : ", ") + info.name;
  }
  if (name.empty() && infos.size() == 1) return infos.front();
  if (name.empty()) {
    throw Error(ErrorKind::usage, "the engine has several " + what + "s (" + names + ")",
                "name one");
  }
  throw Error(ErrorKind::usage, "the engine has no " + what + " '" + name + "'", "it has " + names);
}

torch::ScalarType scalar_type(const TensorInfo& info) {
  switch (info.dtype) {
    case DType::u8:
      return torch::kByte;
    case DType::f16:
      return torch::kHalf;
    case DType::bf16:
      return torch::kBFloat16;
    case DType::f32:
      return torch::kFloat;
    default:
      throw Error(ErrorKind::usage, "the engine's tensor '" + info.name + "' is " +
                                        std::string(to_string(info.dtype)) +
                                        ", which is no type for images or features");
  }
}

TensorView view_of(const TensorInfo& info, const torch::Tensor& tensor) {
  TensorView view;
  view.name = info.name;
  view.data = tensor.data_ptr();
  view.dtype = info.dtype;
  view.shape.assign(tensor.sizes().begin(), tensor.sizes().end());
  return view;
}

}  // namespace

EngineRunner::EngineRunner(std::shared_ptr<Engine> engine, const std::string& input,
                           const std::string& output)
    : engine_(std::move(engine)),
      input_(pick(engine_->inputs(), input, "input")),
      output_(pick(engine_->outputs(), output, "output")),
      input_type_(scalar_type(input_)),
      output_type_(scalar_type(output_)) {
  if (engine_->device().kind != DeviceKind::cpu) {
    throw Error(ErrorKind::usage,
                "CachedFineTuneModel runs its engine through host memory, but this "
                "engine is on a GPU",
                "fill the cache with caft::cache_dataset and give it to use_cache");
  }
  for (std::size_t i = 1; i < output_.shape.size(); ++i) {
    if (output_.shape[i] < 1) {
      throw Error(ErrorKind::usage, "the engine's output '" + output_.name +
                                        "' has a size that is "
                                        "not fixed: " +
                                        describe_shape(output_.shape));
    }
    feature_dim_ *= output_.shape[i];
  }
  context_ = engine_->create_context();
}

void EngineRunner::check(const torch::Tensor& images) const {
  bool fits = images.defined() && images.scalar_type() == input_type_ &&
              images.dim() == static_cast<std::int64_t>(input_.shape.size()) && images.size(0) > 0;
  for (std::size_t i = 1; fits && i < input_.shape.size(); ++i) {
    fits = input_.shape[i] < 0 || images.size(static_cast<std::int64_t>(i)) == input_.shape[i];
  }
  if (fits) return;
  throw Error(ErrorKind::usage,
              "images are " + describe(images) + ", but the engine's input '" + input_.name +
                  "' takes " + c10::toString(input_type_) + " " + describe_shape(input_.shape),
              input_type_ == torch::kByte ? "give RGB pixels, channels last"
                                          : "give normalised images, channels first");
}

void EngineRunner::infer(const torch::Tensor& images, const torch::Tensor& features) {
  const TensorView in = view_of(input_, images), out = view_of(output_, features);
  context_->infer({&in, 1}, {&out, 1});
}

torch::Tensor EngineRunner::run(const torch::Tensor& images) {
  check(images);
  const torch::NoGradGuard no_grad;
  const torch::Tensor host = images.detach().to(torch::kCPU).contiguous();
  const std::int64_t count = host.size(0), least = std::max(engine_->batch().min, 1),
                     most = std::max<std::int64_t>(engine_->batch().max, least);
  std::vector<std::int64_t> shape = output_.shape;
  shape[0] = count;
  const torch::Tensor features = torch::empty(shape, output_type_);
  for (std::int64_t from = 0; from < count; from += most) {
    const std::int64_t size = std::min(most, count - from);
    if (size >= least) {
      infer(host.narrow(0, from, size), features.narrow(0, from, size));
      continue;
    }
    // An engine built for full batches only: the rest of the batch is padding.
    std::vector<std::int64_t> padded(host.sizes().begin(), host.sizes().end());
    padded[0] = shape[0] = least;
    const torch::Tensor in = torch::zeros(padded, input_type_),
                        out = torch::empty(shape, output_type_);
    in.narrow(0, 0, size).copy_(host.narrow(0, from, size));
    infer(in, out);
    features.narrow(0, from, size).copy_(out.narrow(0, 0, size));
  }
  return features.reshape({count, feature_dim_}).to(torch::kFloat);
}

}  // namespace caft
