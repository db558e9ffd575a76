// Operators that move values: Transpose, Concat, Pad.
#include <algorithm>
#include <numeric>

#include "engine/reference/operators.hpp"
#include "engine/views.hpp"

namespace caft::reference {
namespace {

constexpr std::int64_t max_pad = 1 << 16;

/// A tensor of `like`'s type and the given shape, with room for its values where they are known.
Tensor make_like(const Call& call, const Tensor& like, Shape shape, bool known) {
  Tensor result = call.make(std::move(shape));
  result.type = like.type;
  if (!like.is_float()) {
    result.floats.clear();
    if (known) result.integers.assign(static_cast<std::size_t>(count(result.shape)), 0);
  }
  return result;
}

/// Whether the values of an integer tensor are there.
bool has_integers(const Tensor& tensor) {
  return !tensor.is_float() &&
         static_cast<std::int64_t>(tensor.integers.size()) == count(tensor.shape);
}

template <typename Value>
void permute(const std::vector<Value>& from, const Shape& strides, const Shape& shape,
             std::vector<Value>& to) {
  Shape position(shape.size(), 0);
  for (Value& value : to) {
    std::int64_t at = 0;
    for (std::size_t d = 0; d < shape.size(); ++d) at += position[d] * strides[d];
    value = from[static_cast<std::size_t>(at)];
    for (std::size_t d = shape.size(); d-- > 0;) {
      if (++position[d] < shape[d]) break;
      position[d] = 0;
    }
  }
}

}  // namespace

Tensor transpose(const Call& call) {
  const Tensor& input = call.input(0);
  const std::size_t rank = input.shape.size();
  std::vector<std::int64_t> reversed(rank);
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  const std::vector<std::int64_t> order = call.integers("perm", reversed);
  std::vector<std::int64_t> sorted = order;
  std::ranges::sort(sorted);
  std::ranges::reverse(reversed);
  if (sorted != reversed) call.fail("perm is not a permutation of its dimensions");
  Shape shape(rank), strides(rank, 1);
  for (std::size_t d = 0; d < rank; ++d) {
    const auto axis = static_cast<std::size_t>(order[d]);
    shape[d] = input.shape[axis];
    strides[d] = count(Shape(input.shape.begin() + order[d] + 1, input.shape.end()));
  }
  const bool known = has_integers(input);
  Tensor result = make_like(call, input, shape, known);
  if (known) permute(input.integers, strides, shape, result.integers);
  if (input.is_float() && !call.shapes_only()) permute(input.floats, strides, shape, result.floats);
  return result;
}

Tensor concat(const Call& call) {
  const Tensor& first = call.input(0);
  const std::size_t axis = call.axis(call.integer("axis", 0), first.shape.size());
  Shape shape = first.shape;
  shape[axis] = 0;
  bool known = true;
  for (std::size_t i = 0; i < call.input_count(); ++i) {
    const Tensor& input = call.input(i);
    Shape expected = first.shape;
    if (input.shape.size() == expected.size()) expected[axis] = input.shape[axis];
    if (input.shape != expected || input.type != first.type) {
      call.fail("joins " + shape_text(first.shape) + " and " + shape_text(input.shape));
    }
    shape[axis] += input.shape[axis];
    known = known && has_integers(input);
  }
  Tensor result = make_like(call, first, shape, known);
  const auto split = shape.begin() + static_cast<std::ptrdiff_t>(axis);
  const std::int64_t outer = count(Shape(shape.begin(), split));
  const std::int64_t inner = count(Shape(split + 1, shape.end()));
  const auto join = [&](const auto& values_of, auto& to) {
    auto out = to.begin();
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::size_t i = 0; i < call.input_count(); ++i) {
        const std::int64_t block = call.input(i).shape[axis] * inner;
        out = std::copy_n(values_of(call.input(i)).begin() + o * block, block, out);
      }
    }
  };
  if (known) join([](const Tensor& t) -> const auto& { return t.integers; }, result.integers);
  if (first.is_float() && !call.shapes_only()) {
    join([](const Tensor& t) -> const auto& { return t.floats; }, result.floats);
  }
  return result;
}

Tensor pad(const Call& call) {
  const Tensor& input = call.real(0);
  const std::size_t rank = input.shape.size();
  if (const std::string mode = call.text("mode", "constant"); mode != "constant") {
    call.fail("mode " + mode + " is not supported");
  }
  if (call.optional(3) != nullptr) call.fail("axes are not supported");
  // An input since opset 11, an attribute before.
  const std::vector<std::int64_t> pads =
      call.optional(1) != nullptr ? call.known_integers(1) : call.integers("pads", {});
  if (pads.size() != 2 * rank) call.fail("pads do not fit its dimensions");
  Shape shape = input.shape;
  for (std::size_t d = 0; d < rank; ++d) {
    if (pads[d] < 0 || pads[d] > max_pad || pads[d + rank] < 0 || pads[d + rank] > max_pad) {
      call.fail("a pad is out of range");
    }
    shape[d] += pads[d] + pads[d + rank];
  }
  Tensor result = call.make(shape);
  if (call.shapes_only()) return result;
  float value = call.number("value", 0.0F);
  if (call.optional(2) != nullptr && !call.real(2).floats.empty()) value = call.real(2).floats[0];
  std::ranges::fill(result.floats, value);
  Shape position(rank, 0);
  for (const float element : input.floats) {
    std::int64_t at = 0;
    for (std::size_t d = 0; d < rank; ++d) at = at * shape[d] + position[d] + pads[d];
    result.floats[static_cast<std::size_t>(at)] = element;
    for (std::size_t d = rank; d-- > 0;) {
      if (++position[d] < input.shape[d]) break;
      position[d] = 0;
    }
  }
  return result;
}

}  // namespace caft::reference
