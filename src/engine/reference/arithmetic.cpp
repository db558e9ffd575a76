// Add, Sub, Mul and Div with numpy's broadcasting, on floats and on integers.
#include <algorithm>
#include <cstdint>
#include <limits>

#include "engine/reference/operators.hpp"
#include "engine/views.hpp"

namespace caft::reference {
namespace {

/// How two operands meet in a result: its shape, and each operand's strides over it (0: repeated).
struct Broadcast {
  Shape shape, left, right;
};

Broadcast broadcast(const Call& call, const Shape& a, const Shape& b) {
  const std::size_t rank = std::max(a.size(), b.size());
  Broadcast plan{Shape(rank), Shape(rank), Shape(rank)};
  std::int64_t stride_a = 1, stride_b = 1;
  for (std::size_t back = 1; back <= rank; ++back) {
    const std::int64_t size_a = back <= a.size() ? a[a.size() - back] : 1;
    const std::int64_t size_b = back <= b.size() ? b[b.size() - back] : 1;
    if (size_a != size_b && size_a != 1 && size_b != 1) {
      call.fail("shapes " + shape_text(a) + " and " + shape_text(b) + " do not broadcast");
    }
    const std::size_t d = rank - back;
    plan.shape[d] = size_a == 1 ? size_b : size_a;
    plan.left[d] = size_a == 1 ? 0 : stride_a;
    plan.right[d] = size_b == 1 ? 0 : stride_b;
    stride_a *= size_a;
    stride_b *= size_b;
  }
  return plan;
}

template <typename Value, typename Function>
void apply(const Broadcast& plan, const Value* a, const Value* b, Value* out, Function function) {
  const std::int64_t total = count(plan.shape);
  if (total == 0) return;
  const std::size_t rank = plan.shape.size();
  const std::int64_t width = rank == 0 ? 1 : plan.shape[rank - 1];
  const std::int64_t step_a = rank == 0 ? 0 : plan.left[rank - 1];
  const std::int64_t step_b = rank == 0 ? 0 : plan.right[rank - 1];
  Shape position(rank, 0);
  std::int64_t at_a = 0, at_b = 0;
  for (std::int64_t row = 0; row < total / width; ++row) {
    for (std::int64_t i = 0; i < width; ++i)
      *out++ = function(a[at_a + i * step_a], b[at_b + i * step_b]);
    for (std::size_t d = rank; d-- > 1;) {  // the next row of the outer dimensions
      const std::size_t outer = d - 1;
      at_a += plan.left[outer];
      at_b += plan.right[outer];
      if (++position[outer] < plan.shape[outer]) break;
      at_a -= plan.left[outer] * plan.shape[outer];
      at_b -= plan.right[outer] * plan.shape[outer];
      position[outer] = 0;
    }
  }
}

template <typename Function>
Tensor binary(const Call& call, Function function) {
  const Tensor& a = call.input(0);
  const Tensor& b = call.input(1);
  if (a.type != b.type) call.fail("its inputs have different types");
  const Broadcast plan = broadcast(call, a.shape, b.shape);
  Tensor result = call.make(plan.shape);
  result.type = a.type;
  if (a.is_float()) {
    if (!call.shapes_only()) {
      apply(plan, a.floats.data(), b.floats.data(), result.floats.data(), function);
    }
    return result;
  }
  result.floats.clear();
  result.integers.resize(static_cast<std::size_t>(count(plan.shape)));
  apply(plan, call.known_integers(0).data(), call.known_integers(1).data(), result.integers.data(),
        function);
  return result;
}

/// Integer arithmetic wraps as ONNX's does, without undefined behaviour on hostile values.
std::int64_t wrapped(std::uint64_t value) { return static_cast<std::int64_t>(value); }
std::uint64_t bits(std::int64_t value) { return static_cast<std::uint64_t>(value); }

struct Add {
  float operator()(float a, float b) const { return a + b; }
  std::int64_t operator()(std::int64_t a, std::int64_t b) const {
    return wrapped(bits(a) + bits(b));
  }
};
struct Subtract {
  float operator()(float a, float b) const { return a - b; }
  std::int64_t operator()(std::int64_t a, std::int64_t b) const {
    return wrapped(bits(a) - bits(b));
  }
};
struct Multiply {
  float operator()(float a, float b) const { return a * b; }
  std::int64_t operator()(std::int64_t a, std::int64_t b) const {
    return wrapped(bits(a) * bits(b));
  }
};
struct Divide {
  const Call* call;
  float operator()(float a, float b) const { return a / b; }
  std::int64_t operator()(std::int64_t a, std::int64_t b) const {
    if (b == 0) call->fail("divides an integer by zero");
    return b == -1 ? wrapped(-bits(a)) : a / b;
  }
};

}  // namespace

Tensor add(const Call& call) { return binary(call, Add{}); }
Tensor subtract(const Call& call) { return binary(call, Subtract{}); }
Tensor multiply(const Call& call) { return binary(call, Multiply{}); }
Tensor divide(const Call& call) { return binary(call, Divide{&call}); }

}  // namespace caft::reference
