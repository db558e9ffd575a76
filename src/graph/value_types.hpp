// The element types of a graph's tensors, as far as precision surgery needs them.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace caft::onnx {
class GraphProto;
class NodeProto;
}  // namespace caft::onnx

namespace caft {

/// Element types (onnx::TensorProto::DataType) by tensor name, from inputs, initialisers and the
/// operators' definitions; a custom operator's outputs from value_info, or taken for f32.
class ValueTypes {
 public:
  explicit ValueTypes(const onnx::GraphProto& graph);
  /// 0 where the name is unknown.
  [[nodiscard]] int of(const std::string& name) const;
  [[nodiscard]] bool is_f32(const std::string& name) const;

 private:
  void infer(const onnx::NodeProto& node);
  [[nodiscard]] int output_type(const onnx::NodeProto& node, int index) const;
  std::unordered_map<std::string, int> types_, declared_;
};

/// A node's integer attribute, or `otherwise`.
std::int64_t int_attribute(const onnx::NodeProto& node, const char* name, std::int64_t otherwise);

}  // namespace caft
