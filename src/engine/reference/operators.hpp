// The operators of the reference interpreter. Specification: onnx/docs/Operators.md.
#pragma once

#include <string_view>

#include "engine/reference/call.hpp"
#include "engine/reference/tensor.hpp"

namespace caft::reference {

/// Applies an operator with one output. Throws Error(bad_input) naming the node.
using Operator = Tensor (*)(const Call&);

/// The operator of the standard domain called `name`; nullptr when there is none.
Operator find_operator(std::string_view name);

// conv.cpp
Tensor conv(const Call& call);
// pool.cpp
Tensor max_pool(const Call& call);
Tensor average_pool(const Call& call);
// reduce.cpp
Tensor global_average_pool(const Call& call);
Tensor reduce_mean(const Call& call);
// normalize.cpp
Tensor batch_normalization(const Call& call);
Tensor softmax(const Call& call);
// activation.cpp
Tensor relu(const Call& call);
Tensor clip(const Call& call);
Tensor sigmoid(const Call& call);
Tensor hard_sigmoid(const Call& call);
Tensor hard_swish(const Call& call);
// arithmetic.cpp
Tensor add(const Call& call);
Tensor subtract(const Call& call);
Tensor multiply(const Call& call);
Tensor divide(const Call& call);
// matmul.cpp
Tensor gemm(const Call& call);
Tensor matmul(const Call& call);
// layout.cpp
Tensor constant(const Call& call);
Tensor identity(const Call& call);
Tensor flatten(const Call& call);
Tensor reshape(const Call& call);
Tensor squeeze(const Call& call);
Tensor unsqueeze(const Call& call);
// rearrange.cpp
Tensor transpose(const Call& call);
Tensor concat(const Call& call);
Tensor pad(const Call& call);
// shape.cpp
Tensor shape_of(const Call& call);
Tensor gather(const Call& call);
Tensor constant_of_shape(const Call& call);
Tensor slice(const Call& call);
Tensor cast(const Call& call);
// quantize.cpp
Tensor quantize_linear(const Call& call);
Tensor dequantize_linear(const Call& call);

}  // namespace caft::reference
