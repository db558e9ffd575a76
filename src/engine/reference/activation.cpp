// Functions of one element: Relu, Clip, Sigmoid, HardSigmoid, HardSwish.
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/reference/operators.hpp"

namespace caft::reference {
namespace {

template <typename Function>
Tensor map(const Call& call, Function function) {
  const Tensor& input = call.real(0);
  Tensor result = call.make(input.shape);
  if (!call.shapes_only()) std::ranges::transform(input.floats, result.floats.begin(), function);
  return result;
}

/// A bound of Clip: an input since opset 11, an attribute before.
float bound(const Call& call, std::size_t index, std::string_view name, float otherwise) {
  if (call.optional(index) == nullptr) return call.number(name, otherwise);
  const Tensor& tensor = call.real(index);
  if (count(tensor.shape) != 1) call.fail("a bound must be one number");
  return tensor.floats.empty() ? otherwise : tensor.floats[0];
}

}  // namespace

Tensor relu(const Call& call) {
  return map(call, [](float x) { return std::max(x, 0.0F); });
}

Tensor clip(const Call& call) {
  constexpr float limit = std::numeric_limits<float>::max();
  const float low = bound(call, 1, "min", -limit), high = bound(call, 2, "max", limit);
  return map(call, [=](float x) { return std::min(std::max(x, low), high); });
}

Tensor sigmoid(const Call& call) {
  return map(call, [](float x) { return 1.0F / (1.0F + std::exp(-x)); });
}

Tensor hard_sigmoid(const Call& call) {
  const float alpha = call.number("alpha", 0.2F), beta = call.number("beta", 0.5F);
  return map(call, [=](float x) { return std::clamp(alpha * x + beta, 0.0F, 1.0F); });
}

Tensor hard_swish(const Call& call) {
  return map(call, [](float x) { return x * std::clamp(x / 6.0F + 0.5F, 0.0F, 1.0F); });
}

}  // namespace caft::reference
