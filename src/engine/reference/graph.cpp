#include "engine/reference/graph.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "caft/core/error.hpp"
#include "caft_onnx.pb.h"
#include "graph/tensor_data.hpp"

namespace caft::reference {

/// Numbers the tensors' names; each is made once and before it is used.
class SlotNames {
 public:
  int define(const std::string& name, const std::string& by) {
    const int slot = static_cast<int>(slots_.size());
    if (!slots_.emplace(name, slot).second) {
      throw Error(ErrorKind::bad_input, by + " makes tensor '" + name + "' a second time");
    }
    return slot;
  }
  [[nodiscard]] int find(const std::string& name, const std::string& by) const {
    const auto found = slots_.find(name);
    if (found == slots_.end()) {
      throw Error(ErrorKind::bad_input,
                  by + " uses tensor '" + name + "', which nothing before it makes");
    }
    return found->second;
  }
  [[nodiscard]] std::vector<std::string> by_slot() const {
    std::vector<std::string> names(slots_.size());
    for (const auto& [name, slot] : slots_) names[static_cast<std::size_t>(slot)] = name;
    return names;
  }

 private:
  std::unordered_map<std::string, int> slots_;
};

namespace {

Operator operator_of(const onnx::NodeProto& node) {
  const bool standard = node.domain().empty() || node.domain() == "ai.onnx";
  const Operator found = standard ? find_operator(node.op_type()) : nullptr;
  if (found == nullptr) {
    throw Error(ErrorKind::bad_input,
                node_text(node) + " is not an operator of the reference engine",
                "use another backend");
  }
  return found;
}

/// The one output in use. Operators here have one; others (BatchNormalization's running statistics)
/// must be left out.
const std::string& only_output(const onnx::NodeProto& node) {
  for (int i = 1; i < node.output_size(); ++i) {
    if (!node.output(i).empty()) {
      throw Error(ErrorKind::bad_input,
                  node_text(node) + " has a second output, which the reference engine lacks");
    }
  }
  if (node.output_size() == 0)
    throw Error(ErrorKind::bad_input, node_text(node) + " has no output");
  return node.output(0);
}

}  // namespace

Tensor load_tensor(const onnx::TensorProto& tensor, const std::filesystem::path& folder) {
  const TensorData data = read_tensor(tensor, folder);
  if (is_float_type(data.type)) return {float_type, data.shape, to_floats(data), {}};
  return {data.type, data.shape, {}, to_integers(data)};
}

Graph::Graph(OnnxModel model) : model_(std::move(model)) {
  try {
    SlotNames names;
    resolve(names);
    fold_constants();
    plan_release();
  } catch (const Error& error) {
    throw Error(error.kind(), model_.file().string() + ": " + error.what());
  }
}

void Graph::resolve(SlotNames& names) {
  const onnx::GraphProto& graph = model_.proto().graph();
  for (const onnx::TensorProto& tensor : graph.initializer()) {
    names.define(tensor.name(), "the initialiser list");
    constants_.push_back(load_tensor(tensor, model_.folder()));
  }
  is_constant_.assign(constants_.size(), true);
  for (const OnnxValue& input : model_.inputs()) {
    inputs_.push_back(names.define(input.name, "the input list"));
  }
  for (const onnx::NodeProto& node : graph.node()) {
    Step step{&node, operator_of(node), {}, 0, {}};
    for (const std::string& input : node.input()) {
      step.inputs.push_back(input.empty() ? -1 : names.find(input, node_text(node)));
    }
    step.output = names.define(only_output(node), node_text(node));
    steps_.push_back(std::move(step));
  }
  for (const OnnxValue& output : model_.outputs()) {
    outputs_.push_back(names.find(output.name, "the output list"));
  }
  names_ = names.by_slot();
  constants_.resize(names_.size());
  is_constant_.resize(names_.size(), false);
}

void Graph::fold_constants() {
  const auto known = [&](int slot) {
    return slot < 0 || is_constant_[static_cast<std::size_t>(slot)];
  };
  std::erase_if(steps_, [&](const Step& step) {
    if (!std::ranges::all_of(step.inputs, known)) return false;
    std::vector<const Tensor*> inputs;
    inputs.reserve(step.inputs.size());
    for (const int slot : step.inputs) {
      inputs.push_back(slot < 0 ? nullptr : &constants_[static_cast<std::size_t>(slot)]);
    }
    const Call call(*step.node, inputs, model_.opset(), model_.folder(), false);
    constants_[static_cast<std::size_t>(step.output)] = step.apply(call);
    is_constant_[static_cast<std::size_t>(step.output)] = true;
    return true;
  });
}

void Graph::plan_release() {
  std::vector<bool> needed(constants_.size(), false);
  for (const int slot : outputs_) needed[static_cast<std::size_t>(slot)] = true;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    for (const int slot : step->inputs) {
      if (slot < 0 || needed[static_cast<std::size_t>(slot)]) continue;
      needed[static_cast<std::size_t>(slot)] = true;
      if (!is_constant_[static_cast<std::size_t>(slot)]) step->finished.push_back(slot);
    }
  }
}

void Graph::visit_constants(const Observer& observe) const {
  for (std::size_t slot = 0; slot < constants_.size(); ++slot) {
    if (is_constant_[slot]) observe(names_[slot], constants_[slot]);
  }
}

std::vector<Tensor> Graph::run(std::vector<Tensor> inputs, bool shapes_only,
                               const Observer& observe) const {
  std::vector<Tensor> values(constants_.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    values[static_cast<std::size_t>(inputs_[i])] = std::move(inputs[i]);
  }
  const auto value = [&](int slot) -> const Tensor* {
    if (slot < 0) return nullptr;
    const auto at = static_cast<std::size_t>(slot);
    return is_constant_[at] ? &constants_[at] : &values[at];
  };
  std::vector<const Tensor*> arguments;
  for (const Step& step : steps_) {
    arguments.clear();
    for (const int slot : step.inputs) arguments.push_back(value(slot));
    const Call call(*step.node, arguments, model_.opset(), model_.folder(), shapes_only);
    Tensor& made = values[static_cast<std::size_t>(step.output)];
    made = step.apply(call);
    if (observe) observe(names_[static_cast<std::size_t>(step.output)], made);
    for (const int slot : step.finished) values[static_cast<std::size_t>(slot)] = {};
  }
  std::vector<Tensor> results;
  results.reserve(outputs_.size());
  for (const int slot : outputs_) results.push_back(*value(slot));
  return results;
}

}  // namespace caft::reference
