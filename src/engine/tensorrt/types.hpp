// TensorRT's types in caft's terms.
#pragma once

#include <NvInferRuntime.h>

#include <cstdint>
#include <string>
#include <vector>

#include "caft/core/dtype.hpp"

namespace caft::tensorrt {

/// Throws Error(bad_input) naming `tensor` when caft has no such type.
DType to_dtype(nvinfer1::DataType type, const std::string& tensor);

/// Sizes, -1 where open.
std::vector<std::int64_t> to_shape(const nvinfer1::Dims& dims);

/// Bytes of one row: of everything but the batch.
std::size_t row_bytes(DType dtype, const std::vector<std::int64_t>& shape);

}  // namespace caft::tensorrt
