#include "graph/half.hpp"

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "caft/core/error.hpp"
#include "caft_onnx.pb.h"
#include "graph/constants.hpp"
#include "graph/half_policy.hpp"
#include "graph/names.hpp"
#include "graph/opset.hpp"
#include "graph/value_types.hpp"

namespace caft {
namespace {

using onnx::GraphProto;
using onnx::NodeProto;
using onnx::TensorProto;

[[noreturn]] void refuse(const NodeProto& node, const std::string& why) {
  throw Error(ErrorKind::bad_input,
              "node '" + node.name() + "' (" + node.op_type() + ") " + why +
                  ", so the graph cannot be typed as f16",
              "fold constants (caft zoo export --simplify, onnxslim) or build in fp32");
}

bool is_quantizer(const NodeProto& node) {
  return is_standard(node) &&
         (node.op_type() == "QuantizeLinear" || node.op_type() == "DequantizeLinear");
}

/// One f32 tensor of the model.
struct Value {
  TensorProto* constant = nullptr;  ///< an initialiser
  bool counted = false;             ///< made of shapes and integers (half_policy.hpp, `counts`)
  bool half = false;                ///< its maker now gives f16
  bool wants_half = false, wants_single = false;
  std::string half_name, single_name;  ///< where each form is found; empty: not made yet
};

/// First decides each node's precision, then writes the graph anew with Casts between the two.
class HalfConverter {
 public:
  HalfConverter(onnx::ModelProto& model, bool quantizers_take_half)
      : graph_(*model.mutable_graph()),
        quantizers_take_half_(quantizers_take_half),
        types_(graph_),
        names_(graph_),
        normalizations_(normalization_nodes(graph_)) {}

  void run() {
    for (TensorProto& tensor : *graph_.mutable_initializer()) {
      if (tensor.data_type() == TensorProto::FLOAT) values_[tensor.name()].constant = &tensor;
    }
    for (const auto& input : graph_.input()) {
      if (types_.is_f32(input.name())) values_.try_emplace(input.name());
    }
    for (const NodeProto& node : graph_.node()) decide(node);
    for (const auto& output : graph_.output()) {
      if (Value* value = find(output.name())) {
        value->wants_single = true;
        outputs_.insert(output.name());
      }
    }
    convert_constants();
    write();
  }

 private:
  Value* find(const std::string& name) {
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : &found->second;
  }

  // ---- deciding ----

  bool is_float_cast(const NodeProto& node) const {
    return is_standard(node) && (node.op_type() == "Cast" || node.op_type() == "CastLike") &&
           node.output_size() == 1 && types_.is_f32(node.output(0));
  }

  /// Whether all floats that go in are counted ones and constants, at least one of them counted.
  bool is_counting(const NodeProto& node) {
    if (!counts(node)) return false;
    bool any = false;
    for (const std::string& input : node.input()) {
      const Value* value = find(input);
      if (value == nullptr) continue;
      if (!value->counted && value->constant == nullptr) return false;
      any = any || value->counted;
    }
    return any;
  }

  /// Whether f16 would lose one of the node's constants.
  bool loses_constant(const NodeProto& node) {
    for (int i = 0; i < node.input_size(); ++i) {
      const Value* value = find(node.input(i));
      if (value == nullptr || value->constant == nullptr || stays_single(node, i)) continue;
      const HalfFit fit = fit_of(*value->constant);
      const bool harmless =
          fit == HalfFit::fits || (fit == HalfFit::overflows && saturates(node)) ||
          (fit == HalfFit::underflows && adds_constant(node, i, *value->constant));
      if (!harmless) return true;
    }
    return false;
  }

  HalfFit fit_of(const TensorProto& tensor) {
    const auto [at, is_new] = fits_.try_emplace(&tensor, HalfFit::fits);
    if (is_new) at->second = half_fit(tensor);
    return at->second;
  }

  bool quantizer_is_single(const NodeProto& node) {
    if (!quantizers_take_half_) return true;
    const Value* scale = node.input_size() > 1 ? find(node.input(1)) : nullptr;
    return scale == nullptr || (scale->constant != nullptr && !scale_fits(*scale->constant));
  }

  bool is_single(const NodeProto& node) {
    if (!single_reason(node).empty() || normalizations_.contains(&node)) return true;
    if (is_quantizer(node)) return quantizer_is_single(node);
    return loses_constant(node);
  }

  void decide(const NodeProto& node) {
    if (const auto why = refusal_reason(node); !why.empty()) refuse(node, std::string(why));
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g() || attribute.graphs_size() > 0) refuse(node, "has a graph inside");
      if (attribute.has_sparse_tensor()) refuse(node, "has a sparse constant");
    }
    if (is_float_cast(node) && find(node.input(0)) == nullptr) {
      values_[node.output(0)].counted = true;  // from integers: either form, as its readers want
      return;
    }
    const bool counting = is_counting(node);
    const bool single = counting || is_single(node);
    const bool any_form = is_standard(node) && node.op_type() == "Cast" && !is_float_cast(node);
    for (int i = 0; i < node.input_size(); ++i) {
      Value* value = find(node.input(i));
      if (value == nullptr || any_form) continue;
      (single || stays_single(node, i) ? value->wants_single : value->wants_half) = true;
    }
    for (int i = 0; i < node.output_size(); ++i) {
      if (node.output(i).empty() || !types_.is_f32(node.output(i))) continue;
      Value& value = values_[node.output(i)];
      value.counted = counting;
      value.half = !single && !(node.op_type() == "LayerNormalization" && i > 0);
    }
    if (single) singles_.insert(&node);
  }

  // ---- writing ----

  void convert_constants() {
    std::vector<TensorProto> halves;
    for (TensorProto& tensor : *graph_.mutable_initializer()) {
      Value* value = find(tensor.name());
      if (value == nullptr || value->constant == nullptr || !value->wants_half) continue;
      value->half_name = tensor.name();
      if (value->wants_single) {
        value->single_name = tensor.name();
        value->half_name = names_.make(tensor.name() + "_f16");
        round_to_half(halves.emplace_back(tensor));
        halves.back().set_name(value->half_name);
      } else {
        round_to_half(tensor);
      }
    }
    for (TensorProto& tensor : halves) *graph_.add_initializer() = std::move(tensor);
  }

  void add_cast(const std::string& from, const std::string& to, int type) {
    NodeProto& cast = *written_.Add();
    cast.set_op_type("Cast");
    cast.set_name(names_.make("cast_" + to));
    cast.add_input(from);
    cast.add_output(to);
    onnx::AttributeProto& attribute = *cast.add_attribute();
    attribute.set_name("to");
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(type);
  }

  /// The tensor's name in one of its two forms, made by a Cast on first use.
  std::string read(const std::string& name, bool half) {
    Value& value = values_.at(name);
    std::string& wanted = half ? value.half_name : value.single_name;
    if (!wanted.empty()) return wanted;
    const std::string& other = half ? value.single_name : value.half_name;
    if (other.empty()) return name;  // a constant or an input, in the form it has
    const bool is_output = !half && outputs_.contains(name);
    wanted = is_output ? name : names_.make(name + (half ? "_f16" : "_f32"));
    add_cast(other, wanted, half ? TensorProto::FLOAT16 : TensorProto::FLOAT);
    return wanted;
  }

  void write_output(NodeProto& node, int index) {
    Value* value = find(node.output(index));
    if (value == nullptr) return;
    const std::string name = node.output(index);
    if (value->half && outputs_.contains(name)) {
      node.set_output(index, names_.make(name + "_f16"));
    }
    (value->half ? value->half_name : value->single_name) = node.output(index);
  }

  /// A Cast to float gives what its readers want.
  void write_float_cast(NodeProto& node) {
    Value& value = values_.at(node.output(0));
    if (find(node.input(0)) == nullptr) value.half = value.wants_half && !value.wants_single;
    node.set_op_type("Cast");
    node.mutable_input()->DeleteSubrange(1, node.input_size() - 1);
    const int type = value.half ? TensorProto::FLOAT16 : TensorProto::FLOAT;
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.name() == "to") return attribute.set_i(type);
    }
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name("to");
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(type);
  }

  void write_node(const NodeProto& original) {
    NodeProto node = original;
    const bool single = singles_.contains(&original);
    const bool float_cast = is_float_cast(original);
    for (int i = 0; i < node.input_size(); ++i) {
      const Value* value = find(node.input(i));
      if (value == nullptr) continue;
      const bool any_form = node.op_type() == "Cast" && is_standard(node) && !float_cast;
      const bool half = any_form ? value->half : !single && !stays_single(node, i);
      node.set_input(i, read(node.input(i), half));
    }
    if (float_cast) write_float_cast(node);
    if (node.op_type() == "ConstantOfShape" && !single) write_fill(node);
    for (int i = 0; i < node.output_size(); ++i) write_output(node, i);
    *written_.Add() = std::move(node);
  }

  void write_fill(NodeProto& node) {
    if (node.output_size() != 1 || find(node.output(0)) == nullptr) return;
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_t()) return round_to_half(*attribute.mutable_t());
    }
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name("value");
    attribute.set_type(onnx::AttributeProto::TENSOR);
    attribute.mutable_t()->add_dims(1);
    attribute.mutable_t()->set_data_type(TensorProto::FLOAT16);
    attribute.mutable_t()->set_raw_data(std::string(2, '\0'));
  }

  void write() {
    for (const auto& input : graph_.input()) {
      if (Value* value = find(input.name())) value->single_name = input.name();
    }
    for (auto& [name, value] : values_) {
      if (value.constant != nullptr && value.half_name.empty()) value.single_name = name;
    }
    for (const NodeProto& node : graph_.node()) write_node(node);
    for (const auto& output : graph_.output()) {
      if (find(output.name()) != nullptr) read(output.name(), false);
    }
    graph_.mutable_node()->Swap(&written_);
    graph_.clear_quantization_annotation();
  }

  GraphProto& graph_;
  bool quantizers_take_half_;
  ValueTypes types_;
  FreshNames names_;
  std::unordered_set<const NodeProto*> normalizations_, singles_;
  std::unordered_map<std::string, Value> values_;
  std::unordered_map<const TensorProto*, HalfFit> fits_;
  std::unordered_set<std::string> outputs_;
  google::protobuf::RepeatedPtrField<NodeProto> written_;
};

bool is_half_type(int type) {
  return type == TensorProto::FLOAT16 || type == TensorProto::BFLOAT16;
}

/// Whether the author typed the model already.
bool computes_in_half(const GraphProto& graph) {
  for (const TensorProto& tensor : graph.initializer()) {
    if (is_half_type(tensor.data_type())) return true;
  }
  for (const NodeProto& node : graph.node()) {
    if (node.op_type() == "Cast" && is_half_type(static_cast<int>(int_attribute(node, "to", 0))))
      return true;
  }
  return false;
}

}  // namespace

void convert_to_half(onnx::ModelProto& model) {
  GraphProto& graph = *model.mutable_graph();
  if (computes_in_half(graph)) return;
  if (model.functions_size() > 0) {
    throw Error(ErrorKind::bad_input,
                "the model keeps functions of its own, which caft does not type as f16",
                "inline them (onnx.inliner, or export with optimize=True) or build in fp32");
  }
  if (graph.sparse_initializer_size() > 0) {
    throw Error(ErrorKind::bad_input,
                "the model has sparse initialisers, which caft does not type as f16",
                "build in fp32");
  }
  bool quantized = false;
  for (const NodeProto& node : graph.node()) quantized = quantized || is_quantizer(node);
  lift_constants(graph);
  const bool quantizers_take_half = quantized && raise_opset_to_19(model);
  HalfConverter(model, quantizers_take_half).run();
}

}  // namespace caft
