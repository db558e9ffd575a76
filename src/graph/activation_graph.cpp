#include "graph/activation_graph.hpp"

#include <algorithm>
#include <numeric>

#include "caft/core/error.hpp"
#include "caft_onnx.pb.h"

namespace caft {
namespace {

double product(const std::vector<std::int64_t>& shape, std::size_t from = 0) {
  return std::accumulate(
      shape.begin() + static_cast<std::ptrdiff_t>(std::min(from, shape.size())), shape.end(), 1.0,
      [](double total, std::int64_t size) { return total * static_cast<double>(size); });
}

const std::vector<std::int64_t>& shape_of(const std::string& tensor, const ShapeTrace& trace) {
  const ShapeTrace::Tensor* found = trace.find(tensor);
  if (found == nullptr || found->shape[0].empty()) {
    throw Error(ErrorKind::bad_input, "the shape of tensor '" + tensor + "' is unknown");
  }
  return found->shape[0];
}

bool flag(const onnx::NodeProto& node, std::string_view name) {
  return std::ranges::any_of(node.attribute(), [&](const onnx::AttributeProto& attribute) {
    return attribute.name() == name && attribute.i() != 0;
  });
}

void refuse_control_flow(const onnx::NodeProto& node) {
  for (const auto& attribute : node.attribute()) {
    if (!attribute.has_g() && attribute.graphs_size() == 0) continue;
    throw Error(ErrorKind::bad_input,
                "node '" + node.name() + "' (" + node.op_type() + ") holds a graph of its own",
                "export the backbone without control flow");
  }
}

}  // namespace

bool reads_shape_only(const onnx::NodeProto& node) {
  return node.op_type() == "Shape" || node.op_type() == "Size";
}

ActivationGraph::ActivationGraph(const onnx::GraphProto& graph) : graph_(graph) {
  for (const auto& input : graph.input()) carriers_.emplace(input.name(), false);
  // Old files list their initialisers as inputs.
  for (const auto& tensor : graph.initializer()) carriers_.erase(tensor.name());
  for (const onnx::NodeProto& node : graph.node()) {
    refuse_control_flow(node);
    const bool carries_on =
        !reads_shape_only(node) && std::ranges::any_of(node.input(), [&](const auto& name) {
          return carriers_.contains(name);
        });
    if (!carries_on) continue;
    nodes_.push_back(&node);
    for (const std::string& output : node.output()) {
      if (!output.empty()) carriers_.emplace(output, false);
    }
  }
  keep_needed();
}

void ActivationGraph::keep_needed() {
  const auto need = [&](const std::string& name) {
    if (const auto found = carriers_.find(name); found != carriers_.end()) found->second = true;
  };
  for (const auto& output : graph_.output()) need(output.name());
  std::vector<const onnx::NodeProto*> needed;
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    const bool used = std::ranges::any_of((*node)->output(), [&](const std::string& name) {
      const auto found = carriers_.find(name);
      return found != carriers_.end() && found->second;
    });
    if (!used) continue;
    for (const std::string& input : (*node)->input()) need(input);
    needed.push_back(*node);
  }
  nodes_.assign(needed.rbegin(), needed.rend());
}

std::vector<ActivationGraph::Separator> ActivationGraph::separators() const {
  std::unordered_map<std::string, std::size_t> last_reader;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    for (const std::string& input : nodes_[i]->input()) {
      if (carries(input)) last_reader[input] = i;
    }
  }
  // An output is read by what lies behind the whole graph.
  for (const auto& output : graph_.output()) last_reader[output.name()] = nodes_.size();
  std::size_t reach = 0;  // the last node that reads something made before the current node
  for (const auto& input : graph_.input()) {
    if (carries(input.name()) && last_reader.contains(input.name())) {
      reach = std::max(reach, last_reader[input.name()]);
    }
  }
  std::vector<Separator> found;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    std::vector<std::string> outputs;
    for (const std::string& output : nodes_[i]->output()) {
      if (last_reader.contains(output)) outputs.push_back(output);
    }
    const bool last = std::ranges::any_of(
        outputs, [&](const auto& name) { return last_reader[name] == nodes_.size(); });
    if (reach <= i && outputs.size() == 1 && !last) found.push_back({outputs[0], i});
    for (const std::string& output : outputs) reach = std::max(reach, last_reader[output]);
  }
  return found;
}

double multiply_adds(const onnx::NodeProto& node, const ShapeTrace& trace) {
  const std::string& op = node.op_type();
  if (op != "Conv" && op != "Gemm" && op != "MatMul") return 0;
  const auto images = static_cast<double>(ShapeTrace::batches[0]);
  const double made = product(shape_of(node.output(0), trace)) / images;
  if (op == "Conv") return made * product(shape_of(node.input(1), trace), 1);
  const std::vector<std::int64_t>& left = shape_of(node.input(0), trace);
  const bool transposed = op == "Gemm" && flag(node, "transA");
  return made * static_cast<double>(transposed ? left.front() : left.back());
}

}  // namespace caft
