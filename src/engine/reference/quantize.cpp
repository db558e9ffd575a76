// QuantizeLinear and DequantizeLinear, per tensor or per channel. Integers are computed exactly, so
// a Q/DQ graph gives what integer arithmetic with these scales would, but for the order of the
// sums.
#include <algorithm>
#include <cmath>

#include "caft_onnx.pb.h"
#include "engine/reference/operators.hpp"

namespace caft::reference {
namespace {

/// Scale and zero point of each element: one for all, or one for each index along an axis.
class Scales {
 public:
  explicit Scales(const Call& call) : call_(call) {
    const Shape& shape = call.input(0).shape;
    const Tensor& scale = call.real(1);
    if (call.integer("block_size", 0) != 0) call.fail("blocked quantization is not supported");
    if (count(scale.shape) != 1) {
      const std::size_t axis = call.axis(call.integer("axis", 1), shape.size());
      const auto split = shape.begin() + static_cast<std::ptrdiff_t>(axis);
      channels_ = *split;
      inner_ = count(Shape(split + 1, shape.end()));
      if (scale.shape != Shape{channels_}) call.fail("the scales do not fit its axis");
    }
    if (call.optional(2) != nullptr &&
        call.known_integers(2).size() != static_cast<std::size_t>(count(scale.shape))) {
      call.fail("the zero points do not fit the scales");
    }
  }

  [[nodiscard]] float scale(std::size_t i) const { return call_.real(1).floats[channel(i)]; }
  [[nodiscard]] std::int64_t zero(std::size_t i) const {
    return call_.optional(2) == nullptr ? 0 : call_.input(2).integers[channel(i)];
  }

 private:
  [[nodiscard]] std::size_t channel(std::size_t i) const {
    return static_cast<std::size_t>(static_cast<std::int64_t>(i) / inner_ % channels_);
  }
  const Call& call_;
  std::int64_t channels_ = 1, inner_ = 1;
};

bool is_quantized_type(int type) {
  return type == onnx::TensorProto::UINT8 || type == onnx::TensorProto::INT8 ||
         type == onnx::TensorProto::INT32;
}

}  // namespace

Tensor quantize_linear(const Call& call) {
  const Tensor& input = call.real(0);
  const Scales scales(call);
  const int type = call.optional(2) != nullptr ? call.input(2).type : onnx::TensorProto::UINT8;
  if (type != onnx::TensorProto::UINT8 && type != onnx::TensorProto::INT8) {
    call.fail("only 8-bit integers are supported");
  }
  const bool is_signed = type == onnx::TensorProto::INT8;
  const float low = is_signed ? -128.0F : 0.0F, high = is_signed ? 127.0F : 255.0F;
  Tensor result{type, input.shape, {}, {}};
  if (input.floats.empty()) return result;
  result.integers.resize(input.floats.size());
  for (std::size_t i = 0; i < input.floats.size(); ++i) {
    // Round half to even, as the specification asks and the default rounding mode does.
    const float level =
        std::nearbyint(input.floats[i] / scales.scale(i)) + static_cast<float>(scales.zero(i));
    result.integers[i] = static_cast<std::int64_t>(level >= low ? std::min(level, high) : low);
  }
  return result;
}

Tensor dequantize_linear(const Call& call) {
  const Tensor& input = call.input(0);
  if (!is_quantized_type(input.type) ||
      (call.optional(2) != nullptr && call.input(2).type != input.type)) {
    call.fail("its input and zero point must be integers of one type, 8 or 32 bits wide");
  }
  const Scales scales(call);
  Tensor result = call.make(input.shape);
  if (call.shapes_only() || input.integers.size() != result.floats.size()) return result;
  for (std::size_t i = 0; i < result.floats.size(); ++i) {
    result.floats[i] = static_cast<float>(input.integers[i] - scales.zero(i)) * scales.scale(i);
  }
  return result;
}

}  // namespace caft::reference
