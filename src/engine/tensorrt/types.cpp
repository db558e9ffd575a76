#include "engine/tensorrt/types.hpp"

#include "caft/core/error.hpp"

namespace caft::tensorrt {

DType to_dtype(nvinfer1::DataType type, const std::string& tensor) {
  switch (type) {
    case nvinfer1::DataType::kFLOAT:
      return DType::f32;
    case nvinfer1::DataType::kHALF:
      return DType::f16;
    case nvinfer1::DataType::kBF16:
      return DType::bf16;
    case nvinfer1::DataType::kINT8:
      return DType::i8;
    case nvinfer1::DataType::kUINT8:
      return DType::u8;
    case nvinfer1::DataType::kINT32:
      return DType::i32;
    default:
      throw Error(
          ErrorKind::bad_input,
          "tensor '" + tensor + "' of the plan has an element type that caft does not carry");
  }
}

std::vector<std::int64_t> to_shape(const nvinfer1::Dims& dims) {
  return {dims.d, dims.d + dims.nbDims};
}

std::size_t row_bytes(DType dtype, const std::vector<std::int64_t>& shape) {
  std::size_t bytes = size_of(dtype);
  for (std::size_t i = 1; i < shape.size(); ++i) bytes *= static_cast<std::size_t>(shape[i]);
  return bytes;
}

}  // namespace caft::tensorrt
