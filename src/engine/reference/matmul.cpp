// Gemm and MatMul.
#include <algorithm>

#include "engine/reference/operators.hpp"
#include "engine/views.hpp"

namespace caft::reference {
namespace {

/// out [rows, columns] += scale * a [rows, depth] * b [depth, columns]. Each sum runs along the
/// depth in order, whatever the number of rows.
void multiply_add(const float* a, const float* b, float* out, std::int64_t rows, std::int64_t depth,
                  std::int64_t columns, float scale = 1.0F) {
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t k = 0; k < depth; ++k) {
      const float left = scale * a[i * depth + k];
      const float* right = b + k * columns;
      float* to = out + i * columns;
      for (std::int64_t j = 0; j < columns; ++j) to[j] += left * right[j];
    }
  }
}

std::vector<float> transposed(const std::vector<float>& matrix, std::int64_t rows,
                              std::int64_t columns) {
  std::vector<float> result(matrix.size());
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      result[static_cast<std::size_t>(j * rows + i)] =
          matrix[static_cast<std::size_t>(i * columns + j)];
    }
  }
  return result;
}

/// Fills `out` [rows, columns] with beta * c, broadcast.
void fill_bias(const Call& call, const Tensor& c, float beta, std::int64_t rows,
               std::int64_t columns, std::vector<float>& out) {
  const std::size_t rank = c.shape.size();
  const std::int64_t c_columns = rank >= 1 ? c.shape[rank - 1] : 1;
  const std::int64_t c_rows = rank >= 2 ? c.shape[rank - 2] : 1;
  if (rank > 2 || (c_columns != columns && c_columns != 1) || (c_rows != rows && c_rows != 1)) {
    call.fail("the bias " + shape_text(c.shape) + " does not broadcast");
  }
  if (call.shapes_only()) return;
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      const std::int64_t at = (c_rows == 1 ? 0 : i) * c_columns + (c_columns == 1 ? 0 : j);
      out[static_cast<std::size_t>(i * columns + j)] =
          beta * c.floats[static_cast<std::size_t>(at)];
    }
  }
}

}  // namespace

Tensor gemm(const Call& call) {
  const Tensor& a = call.real(0, 2);
  const Tensor& b = call.real(1, 2);
  const bool flip_a = call.integer("transA", 0) != 0, flip_b = call.integer("transB", 0) != 0;
  const std::int64_t rows = a.shape[flip_a ? 1 : 0], depth = a.shape[flip_a ? 0 : 1];
  const std::int64_t columns = b.shape[flip_b ? 0 : 1];
  if (b.shape[flip_b ? 1 : 0] != depth) {
    call.fail("matrices " + shape_text(a.shape) + " and " + shape_text(b.shape) + " do not fit");
  }
  Tensor result = call.make({rows, columns});
  if (call.optional(2) != nullptr) {
    fill_bias(call, call.real(2), call.number("beta", 1.0F), rows, columns, result.floats);
  }
  if (call.shapes_only()) return result;
  const std::vector<float> left = flip_a ? transposed(a.floats, depth, rows) : std::vector<float>{};
  const std::vector<float> right =
      flip_b ? transposed(b.floats, columns, depth) : std::vector<float>{};
  multiply_add(flip_a ? left.data() : a.floats.data(), flip_b ? right.data() : b.floats.data(),
               result.floats.data(), rows, depth, columns, call.number("alpha", 1.0F));
  return result;
}

Tensor matmul(const Call& call) {
  const Tensor& a = call.real(0);
  const Tensor& b = call.real(1);
  const std::size_t rank_a = a.shape.size(), rank_b = b.shape.size();
  // One matrix on the right for all, or as many on both sides: what classifiers and attention use.
  const bool shared = rank_b == 2;
  const bool fits = rank_a >= 2 && rank_b >= 2 && a.shape[rank_a - 1] == b.shape[rank_b - 2] &&
                    (shared || (rank_a == rank_b &&
                                std::equal(a.shape.begin(), a.shape.end() - 2, b.shape.begin())));
  if (!fits) {
    call.fail("matrices " + shape_text(a.shape) + " and " + shape_text(b.shape) + " do not fit");
  }
  Shape shape = a.shape;
  shape.back() = b.shape.back();
  Tensor result = call.make(shape);
  if (call.shapes_only()) return result;
  const std::int64_t rows = a.shape[rank_a - 2], depth = a.shape.back(), columns = b.shape.back();
  const std::int64_t batches = count(Shape(a.shape.begin(), a.shape.end() - 2));
  for (std::int64_t i = 0; i < batches; ++i) {
    multiply_add(a.floats.data() + i * rows * depth,
                 b.floats.data() + (shared ? 0 : i * depth * columns),
                 result.floats.data() + i * rows * columns, rows, depth, columns);
  }
  return result;
}

}  // namespace caft::reference
