// ReduceMean over any axes, and GlobalAveragePool.
#include <algorithm>

#include "engine/reference/operators.hpp"

namespace caft::reference {
namespace {

/// Mean over the axes marked in `reduced`; the result keeps them as 1. Sums run in double, in the
/// input's order.
Tensor mean(const Call& call, const Tensor& input, const std::vector<bool>& reduced) {
  Shape shape = input.shape;
  std::int64_t members = 1;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (!reduced[d]) continue;
    members *= shape[d];
    shape[d] = 1;
  }
  if (members == 0) call.fail("takes the mean of nothing");
  Tensor result = call.make(shape);
  if (call.shapes_only()) return result;
  std::vector<double> sums(result.floats.size(), 0.0);
  Shape position(shape.size(), 0);
  for (const float value : input.floats) {
    std::int64_t to = 0;
    for (std::size_t d = 0; d < shape.size(); ++d) {
      to = to * shape[d] + (reduced[d] ? 0 : position[d]);
    }
    sums[static_cast<std::size_t>(to)] += value;
    for (std::size_t d = shape.size(); d-- > 0;) {
      if (++position[d] < input.shape[d]) break;
      position[d] = 0;
    }
  }
  std::ranges::transform(sums, result.floats.begin(), [&](double sum) {
    return static_cast<float>(sum / static_cast<double>(members));
  });
  return result;
}

}  // namespace

Tensor global_average_pool(const Call& call) {
  const Tensor& input = call.real(0, 4);
  return mean(call, input, {false, false, true, true});
}

Tensor reduce_mean(const Call& call) {
  const Tensor& input = call.real(0);
  const std::size_t rank = input.shape.size();
  // The axes moved from an attribute to an input in opset 18.
  const std::vector<std::int64_t> axes =
      call.optional(1) != nullptr ? call.known_integers(1) : call.integers("axes", {});
  if (axes.empty() && call.integer("noop_with_empty_axes", 0) != 0) return input;
  std::vector<bool> reduced(rank, axes.empty());
  for (const std::int64_t axis : axes) reduced[call.axis(axis, rank)] = true;
  Tensor result = mean(call, input, reduced);
  if (call.integer("keepdims", 1) == 0) {
    Shape shape;
    for (std::size_t d = 0; d < rank; ++d) {
      if (!reduced[d]) shape.push_back(input.shape[d]);
    }
    result.shape = std::move(shape);
  }
  return result;
}

}  // namespace caft::reference
