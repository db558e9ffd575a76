#include "graph/cuts.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "caft/core/error.hpp"
#include "caft_onnx.pb.h"
#include "graph/activation_graph.hpp"
#include "graph/cut_names.hpp"
#include "graph/onnx_model.hpp"
#include "graph/tensor_data.hpp"
#include "graph/value_types.hpp"

namespace caft {
namespace {

/// Counts the floats in initialisers that nodes need, each initialiser once.
class ParameterCounter {
 public:
  ParameterCounter(const onnx::GraphProto& graph, const ActivationGraph& activations)
      : activations_(activations) {
    for (const onnx::TensorProto& tensor : graph.initializer()) {
      initialisers_[tensor.name()] = &tensor;
    }
    for (const onnx::NodeProto& node : graph.node()) {
      for (const std::string& output : node.output()) makers_[output] = &node;
    }
  }

  /// What `node` adds to the count, through Identities and other nodes that carry no activations.
  void add(const onnx::NodeProto& node) {
    std::vector<const onnx::NodeProto*> open{&node};
    while (!open.empty()) {
      const onnx::NodeProto* next = open.back();
      open.pop_back();
      for (const std::string& input : next->input()) {
        if (activations_.carries(input) || !seen_.insert(input).second) continue;
        if (const auto weights = initialisers_.find(input); weights != initialisers_.end()) {
          if (is_float_type(weights->second->data_type())) {
            total_ += element_count(*weights->second);
          }
        } else if (const auto maker = makers_.find(input); maker != makers_.end()) {
          open.push_back(maker->second);
        }
      }
    }
  }
  [[nodiscard]] std::uint64_t total() const { return total_; }

 private:
  const ActivationGraph& activations_;
  std::unordered_map<std::string, const onnx::TensorProto*> initialisers_;
  std::unordered_map<std::string, const onnx::NodeProto*> makers_;
  std::unordered_set<std::string> seen_;
  std::uint64_t total_ = 0;
};

/// Sizes of one image's part of the tensor; empty where its rows are not the images.
std::vector<std::int64_t> image_shape(const ShapeTrace::Tensor& traced) {
  const auto law = batch_law(traced.shape);
  if (!law || law->per_image.empty() || law->per_image[0] != 1 || law->constant[0] != 0) return {};
  if (std::any_of(law->per_image.begin() + 1, law->per_image.end(),
                  [](std::int64_t growth) { return growth != 0; })) {
    return {};
  }
  return {law->constant.begin() + 1, law->constant.end()};
}

/// Gives each cut the first of its names that no other has, its tensor's where all are taken.
void assign_names(std::vector<Cut>& cuts, const std::vector<std::vector<std::string>>& names) {
  std::unordered_set<std::string> taken;
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    for (const std::string& name : names[i]) {
      if (!taken.insert(name).second) continue;
      (cuts[i].name.empty() ? cuts[i].name : cuts[i].aliases.emplace_back()) = name;
    }
    if (cuts[i].name.empty()) cuts[i].name = cuts[i].tensor;
  }
}

}  // namespace

double Cut::share_before() const {
  const double total = macs_before + macs_after;
  return total > 0 ? macs_before / total : 0;
}

std::uint64_t Cut::cached_bytes() const {
  std::uint64_t bytes = 2;
  for (const std::int64_t size : shape) bytes *= static_cast<std::uint64_t>(size);
  return bytes;
}

std::vector<Cut> find_cuts(const OnnxModel& model, const ShapeTrace& trace) {
  const onnx::GraphProto& graph = model.proto().graph();
  const ActivationGraph activations(graph);
  const auto& nodes = activations.nodes();
  const auto places = place_names(nodes);
  // macs[i] and parameters[i] are those of nodes i and behind.
  std::vector<double> macs(nodes.size() + 1, 0);
  std::vector<std::uint64_t> parameters(nodes.size() + 1, 0);
  ParameterCounter counter(graph, activations);
  for (std::size_t i = nodes.size(); i-- > 0;) {
    macs[i] = macs[i + 1] + multiply_adds(*nodes[i], trace);
    counter.add(*nodes[i]);
    parameters[i] = counter.total();
  }
  const ValueTypes types(graph);
  std::vector<Cut> cuts;
  std::vector<std::vector<std::string>> names;
  for (const ActivationGraph::Separator& separator : activations.separators()) {
    const ShapeTrace::Tensor* traced = trace.find(separator.tensor);
    if (traced == nullptr || !types.is_f32(separator.tensor)) continue;
    Cut cut;
    cut.tensor = separator.tensor;
    cut.shape = image_shape(*traced);
    if (cut.shape.empty()) continue;
    cut.macs_after = macs[separator.node + 1];
    cut.macs_before = macs[0] - cut.macs_after;
    cut.parameters_after = parameters[separator.node + 1];
    cuts.push_back(std::move(cut));
    names.push_back(places[separator.node]);
  }
  assign_names(cuts, names);
  return cuts;
}

const Cut& choose_cut(const std::vector<Cut>& cuts, const std::string& name) {
  const auto found = std::ranges::find_if(cuts, [&](const Cut& cut) {
    return cut.name == name || cut.tensor == name || std::ranges::count(cut.aliases, name) > 0;
  });
  if (found != cuts.end()) return *found;
  throw Error(ErrorKind::not_found, "the backbone has no cut called " + name,
              "caft zoo cuts NAME lists them");
}

}  // namespace caft
