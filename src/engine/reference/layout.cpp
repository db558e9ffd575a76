// Operators that keep the values in order and change their shape: Constant, Identity, Flatten,
// Reshape, Squeeze, Unsqueeze.
#include <algorithm>

#include "caft_onnx.pb.h"
#include "engine/reference/graph.hpp"
#include "engine/reference/operators.hpp"
#include "engine/views.hpp"

namespace caft::reference {
namespace {

Tensor reshaped(const Call& call, Shape shape) {
  Tensor result = call.input(0);
  if (std::ranges::any_of(shape, [](std::int64_t size) { return size < 0; }) ||
      count(shape) != count(result.shape)) {
    call.fail("cannot turn shape " + shape_text(result.shape) + " into " + shape_text(shape));
  }
  result.shape = std::move(shape);
  return result;
}

/// Axes given as the second input since opset 13, as an attribute before; absent when neither.
std::vector<std::int64_t> axes_of(const Call& call) {
  return call.optional(1) != nullptr ? call.known_integers(1) : call.integers("axes", {});
}

Tensor scalar_list(std::vector<std::int64_t> values, Shape shape) {
  return {onnx::TensorProto::INT64, std::move(shape), {}, std::move(values)};
}

}  // namespace

Tensor constant(const Call& call) {
  if (const auto* tensor = call.attribute("value")) return load_tensor(tensor->t(), call.folder());
  if (const auto* value = call.attribute("value_float")) return {float_type, {}, {value->f()}, {}};
  if (const auto* value = call.attribute("value_int")) return scalar_list({value->i()}, {});
  if (const auto* list = call.attribute("value_floats")) {
    return {float_type, {list->floats_size()}, {list->floats().begin(), list->floats().end()}, {}};
  }
  if (const auto* list = call.attribute("value_ints")) {
    return scalar_list({list->ints().begin(), list->ints().end()}, {list->ints_size()});
  }
  call.fail("holds no number");
}

Tensor identity(const Call& call) { return call.input(0); }

Tensor flatten(const Call& call) {
  const Shape& shape = call.input(0).shape;
  const std::int64_t asked = call.integer("axis", 1);
  const auto rank = static_cast<std::int64_t>(shape.size());
  const std::size_t axis = asked == rank ? shape.size() : call.axis(asked, shape.size());
  const auto split = shape.begin() + static_cast<std::ptrdiff_t>(axis);
  return reshaped(call, {count(Shape(shape.begin(), split)), count(Shape(split, shape.end()))});
}

Tensor reshape(const Call& call) {
  const Shape& from = call.input(0).shape;
  Shape to = call.known_integers(1);
  const bool keep_zero = call.integer("allowzero", 0) != 0;
  std::int64_t known = 1, open = -1;
  for (std::size_t d = 0; d < to.size(); ++d) {
    if (to[d] == 0 && !keep_zero) {
      if (d >= from.size()) call.fail("copies a dimension that the input lacks");
      to[d] = from[d];
    }
    if (to[d] == -1) {
      if (open >= 0) call.fail("leaves two sizes open");
      open = static_cast<std::int64_t>(d);
    } else {
      if (to[d] < 0 || to[d] > count(from)) call.fail("asks for shape " + shape_text(to));
      known *= to[d];
      if (known > count(from)) call.fail("asks for more elements than its input has");
    }
  }
  if (open >= 0) to[static_cast<std::size_t>(open)] = known == 0 ? 0 : count(from) / known;
  return reshaped(call, std::move(to));
}

Tensor squeeze(const Call& call) {
  const Shape& from = call.input(0).shape;
  const std::vector<std::int64_t> axes = axes_of(call);
  std::vector<bool> drop(from.size(), false);
  for (const std::int64_t axis : axes) drop[call.axis(axis, from.size())] = true;
  Shape to;
  for (std::size_t d = 0; d < from.size(); ++d) {
    if (drop[d] && from[d] != 1) call.fail("squeezes a dimension of " + std::to_string(from[d]));
    if (!(drop[d] || (axes.empty() && from[d] == 1))) to.push_back(from[d]);
  }
  return reshaped(call, std::move(to));
}

Tensor unsqueeze(const Call& call) {
  const Shape& from = call.input(0).shape;
  const std::vector<std::int64_t> axes = axes_of(call);
  const std::size_t rank = from.size() + axes.size();
  std::vector<bool> added(rank, false);
  for (const std::int64_t axis : axes) {
    const std::size_t at = call.axis(axis, rank);
    if (added[at]) call.fail("adds one axis twice");
    added[at] = true;
  }
  Shape to;
  auto next = from.begin();
  for (std::size_t d = 0; d < rank; ++d) to.push_back(added[d] ? 1 : *next++);
  return reshaped(call, std::move(to));
}

}  // namespace caft::reference
