#include "head/torch/vgg_head.hpp"

#include <cstring>

#include "caft/core/error.hpp"
#include "caft/torch/train.hpp"

namespace caft {
namespace {

DenseLayer to_dense(const torch::nn::LinearImpl& linear) {
  DenseLayer layer;
  const torch::Tensor weight = linear.weight.detach().to(torch::kCPU, torch::kFloat).contiguous();
  layer.outputs = static_cast<std::size_t>(weight.size(0));
  layer.inputs = static_cast<std::size_t>(weight.size(1));
  const auto* values = weight.data_ptr<float>();
  layer.weight.assign(values, values + weight.numel());
  layer.bias.assign(layer.outputs, 0.0F);
  if (linear.bias.defined()) {
    const torch::Tensor bias = linear.bias.detach().to(torch::kCPU, torch::kFloat).contiguous();
    std::memcpy(layer.bias.data(), bias.data_ptr<float>(), layer.outputs * sizeof(float));
  }
  return layer;
}

void fold(DenseLayer& layer, const Standardization& scale) {
  const auto* mean = scale.mean.data_ptr<float>();
  const auto* inverse = scale.inverse_std.data_ptr<float>();
  for (std::size_t row = 0; row < layer.outputs; ++row) {
    float* weight = layer.weight.data() + row * layer.inputs;
    double shift = 0;
    for (std::size_t i = 0; i < layer.inputs; ++i) {
      const double folded = static_cast<double>(weight[i]) * inverse[i];
      shift += folded * mean[i];
      weight[i] = static_cast<float>(folded);
    }
    layer.bias[row] = static_cast<float>(layer.bias[row] - shift);
  }
}

}  // namespace

Head fold_to_head(const torch::nn::Sequential& module, const Standardization& scale,
                  const std::string& kind) {
  Head head;
  head.kind = kind;
  for (const std::shared_ptr<torch::nn::Module>& child : module->children()) {
    if (const auto* linear = child->as<torch::nn::Linear>()) {
      head.layers.push_back(to_dense(*linear));
    } else if (child->as<torch::nn::ReLU>() == nullptr &&
               child->as<torch::nn::Dropout>() == nullptr) {
      throw Error(ErrorKind::usage, "a " + child->name() + " layer cannot stand in a dense head");
    }
  }
  if (head.layers.empty()) throw Error(ErrorKind::usage, "the module has no Linear layer");
  fold(head.layers.front(), scale);
  return head;
}

torch::nn::Sequential make_vgg_head(std::int64_t inputs, std::int64_t hidden, std::int64_t classes,
                                    double dropout) {
  return torch::nn::Sequential(torch::nn::Linear(inputs, hidden),
                               torch::nn::ReLU(torch::nn::ReLUOptions(true)),
                               torch::nn::Dropout(dropout), torch::nn::Linear(hidden, hidden),
                               torch::nn::ReLU(torch::nn::ReLUOptions(true)),
                               torch::nn::Dropout(dropout), torch::nn::Linear(hidden, classes));
}

}  // namespace caft
