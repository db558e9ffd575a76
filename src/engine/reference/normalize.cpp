// BatchNormalization (inference form) and Softmax.
#include <algorithm>
#include <cmath>

#include "engine/reference/operators.hpp"

namespace caft::reference {

Tensor batch_normalization(const Call& call) {
  const Tensor& input = call.real(0);
  if (call.integer("training_mode", 0) != 0) {
    call.fail("is in training mode: export the network in eval mode");
  }
  if (input.shape.size() < 2) call.fail("needs an input [N, C, ...]");
  const std::int64_t channels = input.shape[1];
  for (std::size_t i = 1; i <= 4; ++i) {
    if (call.real(i, 1).shape[0] != channels) call.fail("its statistics do not fit the channels");
  }
  Tensor result = call.make(input.shape);
  if (call.shapes_only()) return result;
  const float epsilon = call.number("epsilon", 1e-5F);
  const std::int64_t plane = count(Shape(input.shape.begin() + 2, input.shape.end()));
  const float* from = input.floats.data();
  float* to = result.floats.data();
  for (std::int64_t p = 0; p < input.shape[0] * channels; ++p) {
    const auto c = static_cast<std::size_t>(p % channels);
    const float scale = call.real(1).floats[c] / std::sqrt(call.real(4).floats[c] + epsilon);
    const float mean = call.real(3).floats[c], shift = call.real(2).floats[c];
    for (std::int64_t i = 0; i < plane; ++i) *to++ = (*from++ - mean) * scale + shift;
  }
  return result;
}

Tensor softmax(const Call& call) {
  const Tensor& input = call.real(0);
  // Before opset 13 the input counted as a matrix split at `axis`.
  const bool as_matrix = call.opset() < 13;
  const std::size_t axis = call.axis(call.integer("axis", as_matrix ? 1 : -1), input.shape.size());
  const auto split = input.shape.begin() + static_cast<std::ptrdiff_t>(axis);
  const std::int64_t outer = count(Shape(input.shape.begin(), split));
  const std::int64_t length = as_matrix ? count(Shape(split, input.shape.end())) : *split;
  const std::int64_t inner = as_matrix ? 1 : count(Shape(split + 1, input.shape.end()));
  Tensor result = call.make(input.shape);
  if (call.shapes_only() || result.floats.empty()) return result;
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t i = 0; i < inner; ++i) {
      const float* from = input.floats.data() + o * length * inner + i;
      float* to = result.floats.data() + o * length * inner + i;
      float top = from[0];
      for (std::int64_t k = 1; k < length; ++k) top = std::max(top, from[k * inner]);
      float sum = 0;
      for (std::int64_t k = 0; k < length; ++k) {
        to[k * inner] = std::exp(from[k * inner] - top);
        sum += to[k * inner];
      }
      for (std::int64_t k = 0; k < length; ++k) to[k * inner] /= sum;
    }
  }
  return result;
}

}  // namespace caft::reference
