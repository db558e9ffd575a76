// Shape, Gather, Slice, Cast and ConstantOfShape: the arithmetic on shapes that exporters leave in
// front of a Reshape or a Pad.
#include <algorithm>

#include "caft/core/dtype.hpp"
#include "caft_onnx.pb.h"
#include "engine/reference/graph.hpp"
#include "engine/reference/operators.hpp"

namespace caft::reference {

Tensor shape_of(const Call& call) {
  const Shape& shape = call.input(0).shape;
  const auto rank = static_cast<std::int64_t>(shape.size());
  const auto place = [&](std::int64_t at) {
    return std::clamp(at < 0 ? at + rank : at, std::int64_t{0}, rank);
  };
  const std::int64_t start = place(call.integer("start", 0));
  const std::int64_t end = std::max(start, place(call.integer("end", rank)));
  return {
      onnx::TensorProto::INT64, {end - start}, {}, {shape.begin() + start, shape.begin() + end}};
}

Tensor gather(const Call& call) {
  const std::vector<std::int64_t>& values = call.known_integers(0);
  const std::vector<std::int64_t>& indices = call.known_integers(1);
  if (call.input(0).shape.size() != 1) call.fail("only a list of integers is supported");
  const auto size = static_cast<std::int64_t>(values.size());
  Tensor result{onnx::TensorProto::INT64, call.input(1).shape, {}, {}};
  for (const std::int64_t index : indices) {
    const std::int64_t at = index < 0 ? index + size : index;
    if (at < 0 || at >= size) call.fail("index " + std::to_string(index) + " is out of range");
    result.integers.push_back(values[static_cast<std::size_t>(at)]);
  }
  return result;
}

Tensor constant_of_shape(const Call& call) {
  Tensor result = call.make(call.known_integers(0));
  const auto* value = call.attribute("value");
  const Tensor fill =
      value != nullptr ? load_tensor(value->t(), call.folder()) : Tensor{float_type, {1}, {0}, {}};
  if (count(fill.shape) != 1) call.fail("its value must be one number");
  result.type = fill.type;
  if (fill.is_float()) {
    std::ranges::fill(result.floats, fill.floats[0]);
  } else {
    result.floats.clear();
    result.integers.assign(static_cast<std::size_t>(count(result.shape)), fill.integers[0]);
  }
  return result;
}

Tensor slice(const Call& call) {
  const std::vector<std::int64_t>& values = call.known_integers(0);
  const Shape& from = call.input(0).shape;
  if (from.empty() || from.size() > 2) call.fail("only lists and tables of integers are supported");
  const std::size_t axis =
      call.axis(call.optional(3) != nullptr ? call.one_integer(3) : 0, from.size());
  const std::int64_t step = call.optional(4) != nullptr ? call.one_integer(4) : 1;
  if (step != 1 && step != -1) call.fail("only steps of 1 and -1 are supported");
  // Clamped as the specification says: backwards slices may run down to before the first element.
  const std::int64_t size = from[axis];
  const auto place = [&](std::int64_t at, std::int64_t low, std::int64_t high) {
    return std::clamp(at < 0 && at >= -size ? at + size : at, low, high);
  };
  const bool forwards = step == 1;
  const std::int64_t low = forwards ? 0 : -1, high = forwards ? size : size - 1;
  const std::int64_t start = place(call.one_integer(1), low, high);
  const std::int64_t end = place(call.one_integer(2), low, high);
  Tensor result = call.input(0);
  result.shape[axis] = std::max(std::int64_t{0}, (end - start) * step);
  result.integers.clear();
  const std::int64_t columns = from.size() == 2 ? from[1] : 1;
  const std::int64_t rows_out = result.shape[0],
                     columns_out = from.size() == 2 ? result.shape[1] : 1;
  for (std::int64_t r = 0; r < rows_out; ++r) {
    for (std::int64_t c = 0; c < columns_out; ++c) {
      const std::int64_t row = axis == 0 ? start + r * step : r;
      const std::int64_t column = axis == 1 ? start + c * step : c;
      result.integers.push_back(values[static_cast<std::size_t>(row * columns + column)]);
    }
  }
  return result;
}

Tensor cast(const Call& call) {
  const Tensor& input = call.input(0);
  const std::int64_t to = call.integer("to", float_type);
  const bool to_integer = to == onnx::TensorProto::INT64 || to == onnx::TensorProto::INT32;
  if (to == float_type && input.is_float()) return input;
  if (to == onnx::TensorProto::FLOAT16 && input.is_float()) {
    Tensor result = input;  // arithmetic stays f32; only the values are rounded
    for (float& value : result.floats) value = half_to_float(float_to_half(value));
    return result;
  }
  if (to_integer && !input.is_float()) {
    Tensor result = input;
    result.type = static_cast<int>(to);
    for (const std::int64_t value : result.integers) {
      if (to == onnx::TensorProto::INT32 && value != static_cast<std::int32_t>(value)) {
        call.fail("a value does not fit 32 bits");
      }
    }
    return result;
  }
  if (to == float_type) {
    const std::vector<std::int64_t>& values = call.known_integers(0);
    return {float_type, input.shape, {values.begin(), values.end()}, {}};
  }
  call.fail("casts to type " + std::to_string(to) + ", which the reference engine lacks");
}

}  // namespace caft::reference
