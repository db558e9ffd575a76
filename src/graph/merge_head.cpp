#include "graph/merge_head.hpp"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "caft/core/error.hpp"
#include "caft_onnx.pb.h"
#include "graph/names.hpp"
#include "graph/onnx_model.hpp"
#include "graph/serialize.hpp"
#include "graph/tensor_data.hpp"

namespace caft {
namespace {

using onnx::NodeProto;
using onnx::TensorProto;

/// Appends nodes and constants, each node reading what the one before gave.
class Chain {
 public:
  Chain(onnx::GraphProto& graph, std::string start)
      : graph_(graph), names_(graph), last_(std::move(start)) {}

  NodeProto& add(const char* op, const std::string& name,
                 std::initializer_list<std::string> more = {}) {
    NodeProto& node = *graph_.add_node();
    node.set_op_type(op);
    node.set_name(names_.make(name));
    node.add_input(last_);
    for (const std::string& input : more) node.add_input(input);
    last_ = names_.make(name + "_out");
    node.add_output(last_);
    return node;
  }

  std::string constant(const std::string& name, const std::vector<std::size_t>& shape,
                       const std::vector<float>& values) {
    TensorProto& tensor = *graph_.add_initializer();
    tensor.set_name(names_.make(name));
    tensor.set_data_type(TensorProto::FLOAT);
    for (const std::size_t size : shape) tensor.add_dims(static_cast<std::int64_t>(size));
    tensor.set_raw_data(values.data(), values.size() * sizeof(float));
    return tensor.name();
  }

  void cast(const std::string& name, TensorProto::DataType type) {
    set_integer(add("Cast", name), "to", type);
  }

  static void set_integer(NodeProto& node, const char* name, std::int64_t value) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(value);
  }

 private:
  onnx::GraphProto& graph_;
  FreshNames names_;
  std::string last_;
};

void require_features(const onnx::GraphProto& graph, const Head& head) {
  const auto refuse = [](const std::string& why) {
    throw Error(ErrorKind::mismatch, "a head cannot be merged into this graph: " + why);
  };
  if (head.layers.empty()) refuse("the head has no layers");
  if (graph.output_size() != 1) refuse("it has several outputs");
  const auto& type = graph.output(0).type().tensor_type();
  if (type.elem_type() != TensorProto::FLOAT) refuse("its output is not f32");
  const auto& shape = type.shape();
  // Sizes may have been left open by a change of the image size.
  if (shape.dim_size() != 2 ||
      (shape.dim(1).has_dim_value() &&
       shape.dim(1).dim_value() != static_cast<std::int64_t>(head.inputs())))
    refuse("its output is not [batch, " + std::to_string(head.inputs()) + "]");
}

}  // namespace

void merge_head(onnx::ModelProto& model, const HeadMerge& merge) {
  onnx::GraphProto& graph = *model.mutable_graph();
  require_features(graph, merge.head);
  Chain chain(graph, graph.output(0).name());
  if (merge.round_to_half) {
    chain.cast("head_round", TensorProto::FLOAT16);
    chain.cast("head_features", TensorProto::FLOAT);
  }
  for (std::size_t l = 0; l < merge.head.layers.size(); ++l) {
    const DenseLayer& layer = merge.head.layers[l];
    const std::string name = "head_" + std::to_string(l);
    if (l > 0) chain.add("Relu", name + "_relu");
    const std::string weight =
        chain.constant(name + "_weight", {layer.outputs, layer.inputs}, layer.weight);
    const std::string bias = chain.constant(name + "_bias", {layer.outputs}, layer.bias);
    Chain::set_integer(chain.add("Gemm", name, {weight, bias}), "transB", 1);
  }
  if (merge.temperature != 1) {
    const auto divisor = static_cast<float>(merge.temperature);
    chain.add("Div", "head_temperature", {chain.constant("temperature", {}, {divisor})});
  }
  NodeProto& last = chain.add(merge.multi_label ? "Sigmoid" : "Softmax", "head_probabilities");
  if (!merge.multi_label) Chain::set_integer(last, "axis", 1);

  last.set_output(0, merge.output);
  onnx::ValueInfoProto& output = *graph.mutable_output(0);
  output.set_name(merge.output);
  output.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(1)->set_dim_value(
      static_cast<std::int64_t>(merge.head.classes()));
}

namespace {

/// The head's nodes, last first, found from the output back to the features.
class HeadReader {
 public:
  HeadReader(const OnnxModel& model, const std::string& features) : model_(model) {
    const onnx::GraphProto& graph = model.proto().graph();
    std::unordered_map<std::string, const NodeProto*> makers;
    for (const NodeProto& node : graph.node()) {
      for (const std::string& output : node.output()) makers[output] = &node;
    }
    for (const TensorProto& tensor : graph.initializer()) constants_[tensor.name()] = &tensor;
    for (std::string at = graph.output(0).name(); at != features;) {
      const auto maker = makers.find(at);
      if (maker == makers.end() || maker->second->input_size() == 0 || nodes_.size() > kMost)
        refuse();
      nodes_.push_back(maker->second);
      at = maker->second->input(0);
    }
    if (nodes_.empty()) refuse();
  }

  [[nodiscard]] Head head() const {
    Head head;
    for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
      const std::string& op = (*node)->op_type();
      if (op == "Gemm") {
        head.layers.push_back(layer(**node));
      } else if (op != "Relu" && op != "Cast" && op != "Div" && op != "Softmax" &&
                 op != "Sigmoid") {
        refuse();
      }
    }
    if (head.layers.empty()) refuse();
    for (std::size_t l = 1; l < head.layers.size(); ++l) {
      if (head.layers[l].inputs != head.layers[l - 1].outputs) refuse();
    }
    head.kind = head.layers.size() == 1 ? "linear" : "mlp";
    return head;
  }

  [[nodiscard]] std::unordered_set<std::string> names() const {
    std::unordered_set<std::string> outputs;
    for (const NodeProto* node : nodes_) {
      outputs.insert(node->output().begin(), node->output().end());
      for (const std::string& input : node->input()) {
        if (constants_.contains(input)) outputs.insert(input);
      }
    }
    return outputs;
  }

 private:
  static constexpr std::size_t kMost = 200;

  [[noreturn]] void refuse() const {
    throw Error(ErrorKind::bad_input,
                model_.file().string() + " does not end in a head as caft export writes it",
                "export the model again");
  }

  [[nodiscard]] std::vector<float> constant(const std::string& name) const {
    const auto found = constants_.find(name);
    if (found == constants_.end()) refuse();
    return to_floats(read_tensor(*found->second, model_.folder()));
  }

  [[nodiscard]] DenseLayer layer(const NodeProto& node) const {
    if (node.input_size() != 3 || !constants_.contains(node.input(1))) refuse();
    const TensorProto& weight = *constants_.at(node.input(1));
    if (weight.dims_size() != 2) refuse();
    DenseLayer layer{.inputs = static_cast<std::size_t>(weight.dims(1)),
                     .outputs = static_cast<std::size_t>(weight.dims(0)),
                     .weight = constant(node.input(1)),
                     .bias = constant(node.input(2))};
    if (layer.bias.size() != layer.outputs) refuse();
    return layer;
  }

  const OnnxModel& model_;
  std::vector<const NodeProto*> nodes_;
  std::unordered_map<std::string, const TensorProto*> constants_;
};

}  // namespace

SplitModel split_head(const OnnxModel& model, const std::string& features) {
  const HeadReader reader(model, features);
  SplitModel split{.head = reader.head()};
  onnx::ModelProto proto = model.proto();
  onnx::GraphProto& graph = *proto.mutable_graph();
  const std::unordered_set<std::string> names = reader.names();
  auto& nodes = *graph.mutable_node();
  nodes.erase(std::remove_if(nodes.begin(), nodes.end(),
                             [&](const NodeProto& node) {
                               return node.output_size() > 0 && names.contains(node.output(0));
                             }),
              nodes.end());
  auto& tensors = *graph.mutable_initializer();
  tensors.erase(
      std::remove_if(tensors.begin(), tensors.end(),
                     [&](const TensorProto& tensor) { return names.contains(tensor.name()); }),
      tensors.end());
  onnx::ValueInfoProto& output = *graph.mutable_output(0);
  output.set_name(features);
  output.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(1)->set_dim_value(
      static_cast<std::int64_t>(split.head.inputs()));
  proto.clear_metadata_props();
  split.backbone = serialize_model(proto);
  return split;
}

}  // namespace caft
