#include "graph/split.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "caft/core/error.hpp"
#include "caft_onnx.pb.h"
#include "graph/absorb.hpp"
#include "graph/activation_graph.hpp"
#include "graph/cuts.hpp"
#include "graph/names.hpp"
#include "graph/onnx_model.hpp"
#include "graph/serialize.hpp"

namespace caft {
namespace {

using onnx::GraphProto;
using onnx::NodeProto;
using onnx::TensorProto;

void describe(onnx::ValueInfoProto& info, const Cut& cut) {
  info.set_name(cut.tensor);
  auto& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(TensorProto::FLOAT);
  type.mutable_shape()->add_dim()->set_dim_param("batch");
  for (const std::int64_t size : cut.shape) type.mutable_shape()->add_dim()->set_dim_value(size);
}

/// Keeps the nodes and initialisers that `wanted` tensors need; tensors in `given` need nothing.
void keep_needed(GraphProto& graph, std::unordered_set<std::string> wanted,
                 const std::unordered_set<std::string>& given) {
  google::protobuf::RepeatedPtrField<NodeProto> nodes;
  for (int i = graph.node_size(); i-- > 0;) {
    NodeProto& node = *graph.mutable_node(i);
    const bool used = std::ranges::any_of(node.output(), [&](const std::string& name) {
      return !name.empty() && wanted.contains(name) && !given.contains(name);
    });
    if (!used) continue;
    wanted.insert(node.input().begin(), node.input().end());
    *nodes.Add() = std::move(node);
  }
  std::reverse(nodes.begin(), nodes.end());
  graph.mutable_node()->Swap(&nodes);
  auto* tensors = graph.mutable_initializer();
  tensors->erase(
      std::remove_if(tensors->begin(), tensors->end(),
                     [&](const TensorProto& tensor) { return !wanted.contains(tensor.name()); }),
      tensors->end());
}

/// Every tensor computed from `tensor`, and itself.
std::unordered_set<std::string> behind(const GraphProto& graph, const std::string& tensor) {
  std::unordered_set<std::string> names{tensor};
  for (const NodeProto& node : graph.node()) {
    const bool reads =
        std::ranges::any_of(node.input(), [&](const auto& name) { return names.contains(name); });
    if (reads) names.insert(node.output().begin(), node.output().end());
  }
  return names;
}

/// Writes what `shape_node` makes as per_image * batch + constant, the batch being the first size
/// of the cut.
class ShapeRewriter {
 public:
  ShapeRewriter(GraphProto& graph, const ShapeTrace& trace, std::string cut)
      : graph_(graph), trace_(trace), names_(graph), cut_(std::move(cut)) {}

  void replace(const NodeProto& shape_node) {
    const std::string& made = shape_node.output(0);
    const ShapeTrace::Tensor* traced = trace_.find(made);
    const auto law = traced == nullptr ? std::nullopt : batch_law(traced->integers);
    if (!law || law->per_image.empty()) {
      throw Error(ErrorKind::bad_input,
                  "node '" + shape_node.name() + "' (" + shape_node.op_type() +
                      ") makes what does not follow from the batch size",
                  "cut elsewhere");
    }
    const bool scalar = shape_node.op_type() == "Size";
    const std::string sizes = add("Shape", {cut_}, names_.make(made + "_cut"));
    const std::string batch = add("Gather", {sizes, constant(made + "_first", {0}, scalar)},
                                  names_.make(made + "_batch"));
    const std::string grown =
        add("Mul", {batch, constant(made + "_per_image", law->per_image, scalar)},
            names_.make(made + "_grown"));
    add("Add", {grown, constant(made + "_constant", law->constant, scalar)}, made);
  }

  /// The nodes made so far, which belong in front of all others.
  google::protobuf::RepeatedPtrField<NodeProto>& nodes() { return nodes_; }

 private:
  std::string add(const char* op, std::vector<std::string> inputs, const std::string& output) {
    NodeProto& node = *nodes_.Add();
    node.set_op_type(op);
    node.set_name(output);
    for (std::string& input : inputs) node.add_input(std::move(input));
    node.add_output(output);
    return output;
  }

  std::string constant(const std::string& name, const std::vector<std::int64_t>& values,
                       bool scalar) {
    TensorProto& tensor = *graph_.add_initializer();
    tensor.set_name(names_.make(name));
    tensor.set_data_type(TensorProto::INT64);
    if (!scalar) tensor.add_dims(static_cast<std::int64_t>(values.size()));
    tensor.set_raw_data(values.data(), values.size() * sizeof values[0]);
    return tensor.name();
  }

  GraphProto& graph_;
  const ShapeTrace& trace_;
  FreshNames names_;
  std::string cut_;
  google::protobuf::RepeatedPtrField<NodeProto> nodes_;
};

/// Puts shapes that are known from the batch in the place of Shape nodes that look before the cut.
void detach_shapes(GraphProto& graph, const ShapeTrace& trace, const std::string& cut) {
  const std::unordered_set<std::string> kept = behind(graph, cut);
  const ActivationGraph activations(graph);
  ShapeRewriter rewriter(graph, trace, cut);
  google::protobuf::RepeatedPtrField<NodeProto> others;
  for (NodeProto& node : *graph.mutable_node()) {
    const bool looks_back = reads_shape_only(node) && activations.carries(node.input(0)) &&
                            !kept.contains(node.input(0));
    if (looks_back) {
      rewriter.replace(node);
    } else {
      *others.Add() = std::move(node);
    }
  }
  graph.mutable_node()->Swap(&rewriter.nodes());
  for (NodeProto& node : others) *graph.add_node() = std::move(node);
}

template <typename Change>
std::string changed(const OnnxModel& model, Change change) {
  onnx::ModelProto proto = model.proto();
  try {
    absorb_external_data(proto, model.folder());
    change(*proto.mutable_graph());
    return serialize_model(proto);
  } catch (const Error& error) {
    throw Error(error.kind(), model.file().string() + ": " + error.what());
  }
}

}  // namespace

std::string front_graph(const OnnxModel& model, const ShapeTrace& trace,
                        const std::string& tensor) {
  const std::vector<Cut> cuts = find_cuts(model, trace);
  const Cut& cut = choose_cut(cuts, tensor);
  return changed(model, [&](GraphProto& graph) {
    keep_needed(graph, {cut.tensor}, {});
    graph.clear_output();
    describe(*graph.add_output(), cut);
  });
}

std::string tail_graph(const OnnxModel& model, const ShapeTrace& trace, const std::string& tensor) {
  const std::vector<Cut> cuts = find_cuts(model, trace);
  const Cut& cut = choose_cut(cuts, tensor);
  return changed(model, [&](GraphProto& graph) {
    detach_shapes(graph, trace, cut.tensor);
    std::unordered_set<std::string> wanted;
    for (const auto& output : graph.output()) wanted.insert(output.name());
    keep_needed(graph, std::move(wanted), {cut.tensor});
    graph.clear_input();
    describe(*graph.add_input(), cut);
  });
}

std::string with_weights(const OnnxModel& model, const std::map<std::string, TensorData>& weights) {
  return changed(model, [&](GraphProto& graph) {
    std::size_t replaced = 0;
    for (TensorProto& tensor : *graph.mutable_initializer()) {
      const auto found = weights.find(tensor.name());
      if (found == weights.end()) continue;
      const TensorData& data = found->second;
      const bool same = data.type == tensor.data_type() &&
                        std::ranges::equal(data.shape, tensor.dims()) &&
                        data.bytes.size() == byte_count(tensor);
      if (!same) {
        throw Error(ErrorKind::mismatch, "the new weights of '" + tensor.name() +
                                             "' have another type or shape than the graph's");
      }
      TensorProto fresh;
      fresh.set_name(tensor.name());
      fresh.set_data_type(tensor.data_type());
      *fresh.mutable_dims() = tensor.dims();
      fresh.set_raw_data(data.bytes.data(), data.bytes.size());
      tensor = std::move(fresh);
      ++replaced;
    }
    if (replaced == weights.size()) return;
    for (const auto& [name, _] : weights) {
      const bool known = std::ranges::any_of(
          graph.initializer(), [&](const TensorProto& tensor) { return tensor.name() == name; });
      if (!known) throw Error(ErrorKind::not_found, "the graph has no initialiser '" + name + "'");
    }
  });
}

}  // namespace caft
