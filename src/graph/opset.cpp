#include "graph/opset.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "caft_onnx.pb.h"
#include "graph/half_policy.hpp"
#include "graph/names.hpp"

namespace caft {
namespace {

using onnx::GraphProto;
using onnx::NodeProto;

constexpr std::int64_t kTarget = 19;

/// Their axes became an input at 18; ReduceSum's had at 13.
constexpr std::array<std::string_view, 9> kReduce = {
    "ReduceMean", "ReduceMax",    "ReduceMin",       "ReduceProd",     "ReduceL1",
    "ReduceL2",   "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"};

/// Their results changed between 13 and 19.
constexpr std::array<std::string_view, 3> kChanged = {"RoiAlign", "BatchNormalization", "Upsample"};

onnx::OperatorSetIdProto* standard_set(onnx::ModelProto& model) {
  for (auto& import : *model.mutable_opset_import()) {
    if (import.domain().empty() || import.domain() == "ai.onnx") return &import;
  }
  return nullptr;
}

/// Only a training BatchNormalization (more than one output) changed.
bool changes(const NodeProto& node) {
  if (!is_standard(node) || std::ranges::find(kChanged, node.op_type()) == kChanged.end())
    return false;
  return node.op_type() != "BatchNormalization" || node.output_size() > 1;
}

void move_axes(NodeProto& node, GraphProto& graph, FreshNames& names) {
  auto* attributes = node.mutable_attribute();
  const auto axes = std::ranges::find(*attributes, "axes", &onnx::AttributeProto::name);
  if (axes == attributes->end()) return;
  onnx::TensorProto& tensor = *graph.add_initializer();
  tensor.set_name(names.make(node.output(0) + "_axes"));
  tensor.set_data_type(onnx::TensorProto::INT64);
  tensor.add_dims(axes->ints_size());
  const std::vector<std::int64_t> values(axes->ints().begin(), axes->ints().end());
  tensor.set_raw_data(values.data(), values.size() * sizeof(std::int64_t));
  node.add_input(tensor.name());
  attributes->erase(axes);
}

void name_split_count(NodeProto& node) {
  if (node.input_size() > 1 && !node.input(1).empty()) return;
  onnx::AttributeProto& count = *node.add_attribute();
  count.set_name("num_outputs");
  count.set_type(onnx::AttributeProto::INT);
  count.set_i(node.output_size());
}

}  // namespace

bool raise_opset_to_19(onnx::ModelProto& model) {
  onnx::OperatorSetIdProto* set = standard_set(model);
  if (set == nullptr || set->version() < 13) return false;
  if (set->version() >= kTarget) return true;
  GraphProto& graph = *model.mutable_graph();
  if (std::ranges::any_of(graph.node(), changes)) return false;
  FreshNames names(graph);
  for (NodeProto& node : *graph.mutable_node()) {
    if (!is_standard(node) || set->version() >= 18) continue;
    if (std::ranges::find(kReduce, node.op_type()) != kReduce.end() && node.output_size() > 0) {
      move_axes(node, graph, names);
    } else if (node.op_type() == "Split") {
      name_split_count(node);
    }
  }
  set->set_version(kTarget);
  model.set_ir_version(std::max<std::int64_t>(model.ir_version(), 9));  // 19 came with IR version 9
  return true;
}

}  // namespace caft
