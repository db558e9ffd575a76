#include "engine/reference/operators.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace caft::reference {
namespace {

constexpr std::array<std::pair<std::string_view, Operator>, 34> operators{{
    {"Add", add},
    {"AveragePool", average_pool},
    {"BatchNormalization", batch_normalization},
    {"Cast", cast},
    {"Clip", clip},
    {"Concat", concat},
    {"Constant", constant},
    {"ConstantOfShape", constant_of_shape},
    {"Conv", conv},
    {"DequantizeLinear", dequantize_linear},
    {"Div", divide},
    {"Flatten", flatten},
    {"Gather", gather},
    {"Gemm", gemm},
    {"GlobalAveragePool", global_average_pool},
    {"HardSigmoid", hard_sigmoid},
    {"HardSwish", hard_swish},
    {"Identity", identity},
    {"MatMul", matmul},
    {"MaxPool", max_pool},
    {"Mul", multiply},
    {"Pad", pad},
    {"QuantizeLinear", quantize_linear},
    {"ReduceMean", reduce_mean},
    {"Relu", relu},
    {"Reshape", reshape},
    {"Shape", shape_of},
    {"Sigmoid", sigmoid},
    {"Slice", slice},
    {"Softmax", softmax},
    {"Squeeze", squeeze},
    {"Sub", subtract},
    {"Transpose", transpose},
    {"Unsqueeze", unsqueeze},
}};

}  // namespace

Operator find_operator(std::string_view name) {
  const auto* const found =
      std::ranges::find(operators, name, &std::pair<std::string_view, Operator>::first);
  return found == operators.end() ? nullptr : found->second;
}

}  // namespace caft::reference
