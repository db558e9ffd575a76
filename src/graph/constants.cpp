#include "graph/constants.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "caft/core/dtype.hpp"
#include "caft/core/error.hpp"
#include "caft_onnx.pb.h"
#include "graph/half_policy.hpp"
#include "graph/tensor_data.hpp"
#include "graph/value_types.hpp"

namespace caft {
namespace {

using onnx::GraphProto;
using onnx::NodeProto;
using onnx::TensorProto;

template <typename Element>
void set_data(TensorProto& tensor, int type, const std::vector<Element>& values) {
  tensor.clear_float_data();
  tensor.clear_int32_data();
  tensor.set_data_type(type);
  tensor.set_raw_data(values.data(), values.size() * sizeof(Element));
}

using Initialisers = std::unordered_map<std::string, const TensorProto*>;

Initialisers initialisers_of(const GraphProto& graph) {
  Initialisers found;
  for (const TensorProto& tensor : graph.initializer()) found[tensor.name()] = &tensor;
  return found;
}

std::unordered_set<std::string> output_names(const GraphProto& graph) {
  std::unordered_set<std::string> names;
  for (const auto& output : graph.output()) names.insert(output.name());
  return names;
}

/// Takes out the nodes for which `drop` says so, keeping the order of the others.
template <typename Drop>
void remove_nodes(GraphProto& graph, Drop drop) {
  auto* nodes = graph.mutable_node();
  nodes->erase(std::remove_if(nodes->begin(), nodes->end(), drop), nodes->end());
}

const TensorProto* constant_input(const Initialisers& known, const NodeProto& node, int index) {
  if (index >= node.input_size()) return nullptr;
  const auto found = known.find(node.input(index));
  return found == known.end() ? nullptr : found->second;
}

/// y = (x - zero) * scale, one scale in all or one for each index along `axis`.
std::vector<float> dequantize(const NodeProto& node, const TensorProto& x, const TensorProto& scale,
                              const TensorProto* zero) {
  const std::vector<std::int64_t> values = to_integers(read_tensor(x, {}));
  const std::vector<float> scales = to_floats(read_tensor(scale, {}));
  std::vector<std::int64_t> zeros(scales.size(), 0);
  if (zero != nullptr) zeros = to_integers(read_tensor(*zero, {}));
  std::int64_t axis = int_attribute(node, "axis", 1), inner = 1;
  if (axis < 0) axis += x.dims_size();
  if (scales.size() > 1) {
    const bool fits = axis >= 0 && axis < x.dims_size() &&
                      x.dims(static_cast<int>(axis)) == static_cast<std::int64_t>(scales.size()) &&
                      zeros.size() == scales.size();
    if (!fits) {
      throw Error(ErrorKind::bad_input, "DequantizeLinear '" + node.name() +
                                            "' has scales that do not fit '" + x.name() + "'");
    }
    for (int i = static_cast<int>(axis) + 1; i < x.dims_size(); ++i) inner *= x.dims(i);
  } else if (scales.empty() || zeros.empty()) {
    throw Error(ErrorKind::bad_input, "DequantizeLinear '" + node.name() + "' has no scale");
  }
  std::vector<float> floats(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t k =
        scales.size() > 1 ? i / static_cast<std::size_t>(inner) % scales.size() : 0;
    floats[i] = static_cast<float>(values[i] - zeros[k]) * scales[k];
  }
  return floats;
}

/// The f32 value of a Constant node, or nothing where it is another type.
bool constant_floats(const NodeProto& node, TensorProto& tensor) {
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_t() && attribute.t().data_type() == TensorProto::FLOAT) {
      tensor = attribute.t();
    } else if (attribute.name() == "value_float") {
      set_data(tensor, TensorProto::FLOAT, std::vector<float>{attribute.f()});
    } else if (attribute.name() == "value_floats") {
      tensor.add_dims(attribute.floats_size());
      set_data(tensor, TensorProto::FLOAT,
               std::vector<float>(attribute.floats().begin(), attribute.floats().end()));
    } else {
      continue;
    }
    return true;
  }
  return false;
}

}  // namespace

void fold_quantized_biases(GraphProto& graph) {
  const Initialisers known = initialisers_of(graph);
  const auto outputs = output_names(graph);
  std::vector<TensorProto> folded;
  remove_nodes(graph, [&](const NodeProto& node) {
    if (!is_standard(node) || node.op_type() != "DequantizeLinear" || node.output_size() != 1)
      return false;
    const TensorProto* x = constant_input(known, node, 0);
    const TensorProto* scale = constant_input(known, node, 1);
    const TensorProto* zero = constant_input(known, node, 2);
    const bool zero_known = node.input_size() < 3 || node.input(2).empty() || zero != nullptr;
    if (x == nullptr || scale == nullptr || !zero_known || outputs.contains(node.output(0)) ||
        x->data_type() != TensorProto::INT32 || scale->data_type() != TensorProto::FLOAT ||
        int_attribute(node, "block_size", 0) != 0) {
      return false;
    }
    TensorProto& tensor = folded.emplace_back();
    tensor.set_name(node.output(0));
    *tensor.mutable_dims() = x->dims();
    set_data(tensor, TensorProto::FLOAT, dequantize(node, *x, *scale, zero));
    return true;
  });
  for (TensorProto& tensor : folded) *graph.add_initializer() = std::move(tensor);
}

void lift_constants(GraphProto& graph) {
  const auto outputs = output_names(graph);
  remove_nodes(graph, [&](const NodeProto& node) {
    if (!is_standard(node) || node.op_type() != "Constant" || node.output_size() != 1) return false;
    TensorProto tensor;
    if (outputs.contains(node.output(0)) || !constant_floats(node, tensor)) return false;
    tensor.set_name(node.output(0));
    *graph.add_initializer() = std::move(tensor);
    return true;
  });
  const Initialisers known = initialisers_of(graph);
  std::unordered_map<std::string, std::string> alias;
  remove_nodes(graph, [&](NodeProto& node) {
    for (std::string& input : *node.mutable_input()) {
      if (const auto found = alias.find(input); found != alias.end()) input = found->second;
    }
    if (!is_standard(node) || node.op_type() != "Identity" || node.output_size() != 1) return false;
    if (constant_input(known, node, 0) == nullptr || outputs.contains(node.output(0))) return false;
    alias[node.output(0)] = node.input(0);
    return true;
  });
}

void round_to_half(TensorProto& tensor) {
  std::vector<float> values = to_floats(read_tensor(tensor, {}));
  for (float& value : values) {
    if (std::isfinite(value)) value = std::clamp(value, -65504.0F, 65504.0F);
  }
  std::vector<std::uint16_t> halves(values.size());
  float_to_half(values.data(), halves.data(), halves.size());
  set_data(tensor, TensorProto::FLOAT16, halves);
}

}  // namespace caft
