// Shape and Gather: the arithmetic on shapes that exporters leave in front of a Reshape.
#include <algorithm>

#include "caft_onnx.pb.h"
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

}  // namespace caft::reference
