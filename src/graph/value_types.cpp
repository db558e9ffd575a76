#include "graph/value_types.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "caft_onnx.pb.h"
#include "graph/half_policy.hpp"

namespace caft {
namespace {

using onnx::NodeProto;
using onnx::TensorProto;

template <std::size_t Size>
bool is_one_of(const std::string& op, const std::array<std::string_view, Size>& names) {
  return std::ranges::find(names, op) != names.end();
}

constexpr std::array<std::string_view, 11> kBoolean = {
    "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or",
    "Xor",   "Not",     "IsInf",          "IsNaN"};
constexpr std::array<std::string_view, 6> kIndex = {"Shape",  "Size",    "ArgMax",
                                                    "ArgMin", "NonZero", "NonMaxSuppression"};
constexpr std::array<std::string_view, 8> kNamed = {
    "EyeLike",           "RandomNormal", "RandomUniform", "RandomNormalLike",
    "RandomUniformLike", "Bernoulli",    "Multinomial",   "HannWindow"};

int constant_type(const NodeProto& node) {
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_t()) return attribute.t().data_type();
    if (attribute.has_sparse_tensor()) return attribute.sparse_tensor().values().data_type();
    if (attribute.name() == "value_float" || attribute.name() == "value_floats")
      return TensorProto::FLOAT;
    if (attribute.name() == "value_int" || attribute.name() == "value_ints")
      return TensorProto::INT64;
  }
  return node.op_type() == "ConstantOfShape" ? TensorProto::FLOAT : TensorProto::STRING;
}

}  // namespace

std::int64_t int_attribute(const NodeProto& node, const char* name, std::int64_t otherwise) {
  for (const auto& attribute : node.attribute()) {
    if (attribute.name() == name) return attribute.i();
  }
  return otherwise;
}

ValueTypes::ValueTypes(const onnx::GraphProto& graph) {
  for (const auto& info : graph.value_info())
    declared_[info.name()] = info.type().tensor_type().elem_type();
  for (const auto& info : graph.input())
    types_[info.name()] = info.type().tensor_type().elem_type();
  for (const auto& tensor : graph.initializer()) types_[tensor.name()] = tensor.data_type();
  for (const NodeProto& node : graph.node()) infer(node);
}

int ValueTypes::of(const std::string& name) const {
  const auto found = types_.find(name);
  return found == types_.end() ? 0 : found->second;
}

bool ValueTypes::is_f32(const std::string& name) const { return of(name) == TensorProto::FLOAT; }

void ValueTypes::infer(const NodeProto& node) {
  for (int i = 0; i < node.output_size(); ++i) {
    if (!node.output(i).empty()) types_[node.output(i)] = output_type(node, i);
  }
}

int ValueTypes::output_type(const NodeProto& node, int index) const {
  const auto input = [&](int i) { return i < node.input_size() ? of(node.input(i)) : 0; };
  const std::string& op = node.op_type();
  if (!is_standard(node)) {
    const auto found = declared_.find(node.output(index));
    return found == declared_.end() ? TensorProto::FLOAT : found->second;
  }
  if (is_one_of(op, kIndex)) return TensorProto::INT64;
  if (is_one_of(op, kBoolean)) return TensorProto::BOOL;
  if (op == "Constant" || op == "ConstantOfShape") return constant_type(node);
  if (op == "Cast") return static_cast<int>(int_attribute(node, "to", 0));
  if (op == "CastLike" || op == "Where") return input(1);
  if (op == "OneHot") return input(2);
  if (op == "QuantizeLinear") {
    const int zero = input(2);
    return static_cast<int>(
        int_attribute(node, "output_dtype", zero == 0 ? TensorProto::UINT8 : zero));
  }
  if (op == "DequantizeLinear")
    return static_cast<int>(int_attribute(node, "output_dtype", input(1)));
  if (op == "DynamicQuantizeLinear") return index == 1 ? TensorProto::FLOAT : TensorProto::UINT8;
  if (op == "MatMulInteger" || op == "ConvInteger") return TensorProto::INT32;
  if (op == "QLinearConv" || op == "QLinearMatMul") return input(7);
  if (is_one_of(op, kNamed)) {
    const int otherwise = op == "Multinomial" ? int{TensorProto::INT32}
                          : input(0) == 0     ? int{TensorProto::FLOAT}
                                              : input(0);
    return static_cast<int>(int_attribute(node, "dtype", otherwise));
  }
  if (index > 0) {
    if (op == "TopK" || op == "MaxPool" || op == "Unique") return TensorProto::INT64;
    if (op == "Dropout") return TensorProto::BOOL;
    if (op == "LayerNormalization") {
      return static_cast<int>(int_attribute(node, "stash_type", TensorProto::FLOAT));
    }
  }
  return input(0);
}

}  // namespace caft
