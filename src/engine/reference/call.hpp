// One application of an operator: the node, its attributes and its inputs, checked on access.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/reference/tensor.hpp"

namespace caft::onnx {
class NodeProto;
class AttributeProto;
}  // namespace caft::onnx

namespace caft::reference {

/// What an operator sees. Every accessor throws Error(bad_input) naming node and operator.
class Call {
 public:
  /// `inputs` holds nullptr where an optional input is left out. `folder` is the ONNX file's.
  Call(const onnx::NodeProto& node, std::span<const Tensor* const> inputs, std::int64_t opset,
       const std::filesystem::path& folder, bool shapes_only)
      : node_(node), inputs_(inputs), opset_(opset), folder_(folder), shapes_only_(shapes_only) {}

  /// Work out shapes and integer constants only; leave float values absent.
  [[nodiscard]] bool shapes_only() const { return shapes_only_; }
  [[nodiscard]] std::int64_t opset() const { return opset_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] std::size_t input_count() const { return inputs_.size(); }

  [[nodiscard]] const Tensor* optional(std::size_t index) const;
  [[nodiscard]] const Tensor& input(std::size_t index) const;
  /// An input that must hold floats, of the given rank unless it is 0.
  [[nodiscard]] const Tensor& real(std::size_t index, std::size_t rank = 0) const;
  /// Values of an integer input that must be known, such as a shape.
  [[nodiscard]] const std::vector<std::int64_t>& known_integers(std::size_t index) const;

  /// A known input of exactly one integer.
  [[nodiscard]] std::int64_t one_integer(std::size_t index) const;

  [[nodiscard]] const onnx::AttributeProto* attribute(std::string_view name) const;
  [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  [[nodiscard]] float number(std::string_view name, float otherwise) const;
  [[nodiscard]] std::string text(std::string_view name, const std::string& otherwise) const;
  [[nodiscard]] std::vector<std::int64_t> integers(std::string_view name,
                                                   std::vector<std::int64_t> otherwise) const;

  /// `axis` counted from the front; negative counts from the back, as ONNX does.
  [[nodiscard]] std::size_t axis(std::int64_t axis, std::size_t rank) const;
  /// A float tensor of zeros (no values when only shapes are worked out). Checks the size.
  [[nodiscard]] Tensor make(Shape shape) const;

  [[noreturn]] void fail(const std::string& why) const;

 private:
  const onnx::NodeProto& node_;
  std::span<const Tensor* const> inputs_;
  std::int64_t opset_;
  const std::filesystem::path& folder_;
  bool shapes_only_;
};

/// "node 'conv1' (Conv)"; a node without a name goes by its first output.
std::string node_text(const onnx::NodeProto& node);

}  // namespace caft::reference
