#include "graph/rewrite.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

#include "caft/core/error.hpp"
#include "caft_onnx.pb.h"
#include "graph/absorb.hpp"
#include "graph/constants.hpp"
#include "graph/half.hpp"
#include "graph/names.hpp"
#include "graph/onnx_model.hpp"
#include "graph/serialize.hpp"

namespace caft {
namespace {

using onnx::GraphProto;
using onnx::NodeProto;
using onnx::TensorProto;

/// Old files list their initialisers as inputs, which would let a caller replace them.
void drop_initialised_inputs(onnx::ModelProto& model) {
  GraphProto& graph = *model.mutable_graph();
  std::unordered_set<std::string> initialised;
  for (const TensorProto& tensor : graph.initializer()) initialised.insert(tensor.name());
  auto* inputs = graph.mutable_input();
  inputs->erase(
      std::remove_if(inputs->begin(), inputs->end(),
                     [&](const auto& input) { return initialised.contains(input.name()); }),
      inputs->end());
  model.set_ir_version(std::max<std::int64_t>(model.ir_version(), 4));  // which allows it
}

onnx::TensorShapeProto& image_shape(GraphProto& graph, const std::string& what) {
  if (graph.input_size() == 1 && graph.input(0).type().tensor_type().shape().dim_size() == 4) {
    return *graph.mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
  }
  throw Error(ErrorKind::usage,
              what + " needs a model with exactly one input, [batch, 3, height, width]");
}

/// Sizes of outputs follow from the graph; those in the file may belong to another image size.
void set_image_size(GraphProto& graph, const std::array<int, 2>& size) {
  if (size[0] < 1 || size[1] < 1)
    throw Error(ErrorKind::usage, "an image size below 1 was asked for");
  onnx::TensorShapeProto& shape = image_shape(graph, "an image size");
  bool changed = false;
  for (int i = 0; i < 2; ++i) {
    auto& dimension = *shape.mutable_dim(2 + i);
    const std::int64_t wanted = size[static_cast<std::size_t>(i)];
    changed = changed || !dimension.has_dim_value() || dimension.dim_value() != wanted;
    dimension.set_dim_value(wanted);
  }
  if (!changed) return;
  for (auto& output : *graph.mutable_output()) {
    auto& dimensions =
        *output.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim();
    for (int i = 1; i < dimensions.size(); ++i) dimensions.at(i).Clear();
  }
}

void rename_input(GraphProto& graph, const std::string& from, const std::string& to) {
  for (NodeProto& node : *graph.mutable_node()) {
    for (std::string& input : *node.mutable_input()) {
      if (input == from) input = to;
    }
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) rename_input(*attribute.mutable_g(), from, to);
      for (GraphProto& one : *attribute.mutable_graphs()) rename_input(one, from, to);
    }
  }
}

std::string add_channels(GraphProto& graph, FreshNames& names, const std::string& name,
                         const std::array<float, 3>& values) {
  TensorProto& tensor = *graph.add_initializer();
  tensor.set_name(names.make(name));
  tensor.set_data_type(TensorProto::FLOAT);
  tensor.add_dims(3);
  tensor.set_raw_data(values.data(), sizeof values);
  return tensor.name();
}

/// images u8 NHWC → Cast → Sub → Div → Transpose → what read the images before. TensorRT takes u8
/// only into a Cast.
void add_normalization(GraphProto& graph, const InputNormalization& normalization) {
  onnx::TensorShapeProto& shape = image_shape(graph, "normalization inside the engine");
  auto& type = *graph.mutable_input(0)->mutable_type()->mutable_tensor_type();
  if (type.elem_type() != TensorProto::FLOAT || shape.dim(1).dim_value() != 3) {
    throw Error(
        ErrorKind::usage,
        "normalization inside the engine needs exactly one input, f32 [batch, 3, height, width]");
  }
  FreshNames names(graph);
  const std::string input = graph.input(0).name();
  std::array<float, 3> mean{}, scale{};
  for (std::size_t c = 0; c < 3; ++c) {
    mean[c] = 255.0F * normalization.mean[c];
    scale[c] = 255.0F * normalization.std[c];
  }
  const std::string mean_name = add_channels(graph, names, input + "_mean", mean);
  const std::string scale_name = add_channels(graph, names, input + "_scale", scale);

  google::protobuf::RepeatedPtrField<NodeProto> nodes;
  const auto add = [&](const char* op, std::vector<std::string> inputs,
                       const std::string& suffix) -> NodeProto& {
    NodeProto& node = *nodes.Add();
    node.set_op_type(op);
    node.add_output(names.make(input + suffix));
    node.set_name(names.make("normalize" + suffix));
    for (std::string& one : inputs) node.add_input(std::move(one));
    return node;
  };
  NodeProto& cast = add("Cast", {input}, "_float");
  onnx::AttributeProto& to = *cast.add_attribute();
  to.set_name("to");
  to.set_type(onnx::AttributeProto::INT);
  to.set_i(TensorProto::FLOAT);
  const NodeProto& centred = add("Sub", {cast.output(0), mean_name}, "_centred");
  const NodeProto& scaled = add("Div", {centred.output(0), scale_name}, "_scaled");
  NodeProto& planes = add("Transpose", {scaled.output(0)}, "_planes");
  onnx::AttributeProto& order = *planes.add_attribute();
  order.set_name("perm");
  order.set_type(onnx::AttributeProto::INTS);
  for (const int axis : {0, 3, 1, 2}) order.add_ints(axis);

  rename_input(graph, input, planes.output(0));
  for (NodeProto& node : *graph.mutable_node()) *nodes.Add() = std::move(node);
  graph.mutable_node()->Swap(&nodes);
  type.set_elem_type(TensorProto::UINT8);
  auto& dimensions = *shape.mutable_dim();
  dimensions.SwapElements(1, 2);
  dimensions.SwapElements(2, 3);
}

void set_metadata(onnx::ModelProto& model, const std::map<std::string, std::string>& metadata) {
  model.clear_metadata_props();
  for (const auto& [key, value] : metadata) {
    auto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
}

}  // namespace

std::string rewrite_graph(const OnnxModel& model, const GraphRewrite& changes) {
  onnx::ModelProto proto = model.proto();
  try {
    absorb_external_data(proto, model.folder());
    drop_initialised_inputs(proto);
    fold_quantized_biases(*proto.mutable_graph());
    if (changes.image_size) set_image_size(*proto.mutable_graph(), *changes.image_size);
    if (changes.normalization) add_normalization(*proto.mutable_graph(), *changes.normalization);
    if (changes.half) convert_to_half(proto);
    if (changes.head) merge_head(proto, *changes.head);
    if (!changes.metadata.empty()) set_metadata(proto, changes.metadata);
    return serialize_model(proto);
  } catch (const Error& error) {
    throw Error(error.kind(), model.file().string() + ": " + error.what());
  }
}

}  // namespace caft
