// The values that flow through the reference interpreter.
#pragma once

#include <cstdint>
#include <vector>

namespace caft::reference {

using Shape = std::vector<std::int64_t>;

/// onnx::TensorProto::FLOAT, named here so that operators need not see the schema.
constexpr int float_type = 1;

/// A tensor: floats, or integers of any width held as 64 bits. While only shapes are worked out,
/// the values of what depends on the input are absent (both vectors empty).
struct Tensor {
  int type = float_type;  ///< onnx::TensorProto::DataType, float_type for every float type
  Shape shape;
  std::vector<float> floats;
  std::vector<std::int64_t> integers;
  [[nodiscard]] bool is_float() const { return type == float_type; }
};

/// Number of elements of a checked shape.
inline std::int64_t count(const Shape& shape) {
  std::int64_t product = 1;
  for (const std::int64_t size : shape) product *= size;
  return product;
}

}  // namespace caft::reference
