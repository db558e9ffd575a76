#include "graph/half_policy.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>
#include <vector>

#include "caft/core/dtype.hpp"
#include "caft_onnx.pb.h"
#include "graph/tensor_data.hpp"

namespace caft {
namespace {

using onnx::NodeProto;

struct Reason {
  std::string_view op, reason;
};

constexpr Reason kSingle[] = {
    {"Pow", "squares and cubes of activations pass 65504"},
    {"Exp", "passes 65504 at 11.1"},
    {"Log", "loses small arguments"},
    {"Sqrt", "its argument is a variance or a norm, often below f16's normal range"},
    {"Reciprocal", "of small numbers passes 65504"},
    {"Softplus", "its exponential passes 65504 at 11.1"},
    {"Mish", "its exponential passes 65504 at 11.1"},
    {"CumSum", "errors add up"},
    {"ReduceSum", "a map's sum passes 65504"},
    {"ReduceSumSquare", "squares pass 65504"},
    {"ReduceL1", "a map's sum passes 65504"},
    {"ReduceL2", "squares pass 65504"},
    {"ReduceProd", "products pass 65504"},
    {"ReduceLogSum", "a sum of exponentials passes 65504"},
    {"ReduceLogSumExp", "a sum of exponentials passes 65504"},
    {"LRN", "squares pass 65504"},
    {"LpNormalization", "squares pass 65504"},
    {"LpPool", "squares pass 65504"},
    {"GlobalLpPool", "squares pass 65504"},
    {"MeanVarianceNormalization", "squares pass 65504"},
    {"Det", "products cancel"},
    {"GridSample", "coordinates need more than 11 bits"},
    {"AffineGrid", "coordinates need more than 11 bits"},
    {"RoiAlign", "coordinates need more than 11 bits"},
    {"MaxRoiPool", "coordinates need more than 11 bits"},
    {"DeformConv", "offsets need more than 11 bits"},
    {"Range", "counts beyond 2048"},
    {"EyeLike", "its attribute names its type"},
    {"RandomNormal", "its attribute names its type"},
    {"RandomUniform", "its attribute names its type"},
    {"RandomNormalLike", "its attribute names its type"},
    {"RandomUniformLike", "its attribute names its type"},
    {"Bernoulli", "its attribute names its type"},
    {"Celu", "ONNX defines it for f32 only"},
    {"NonMaxSuppression", "ONNX defines it for f32 only"},
    {"DynamicQuantizeLinear", "ONNX defines it for f32 only"},
    {"QLinearConv", "its scales are f32"},
    {"QLinearMatMul", "its scales are f32"},
    {"STFT", "transforms pass 65504"},
    {"DFT", "transforms pass 65504"},
    {"MelWeightMatrix", "its attribute names its type"},
};

constexpr Reason kRefused[] = {
    {"If", "has a branch whose types caft does not follow"},
    {"Loop", "has a body whose types caft does not follow"},
    {"Scan", "has a body whose types caft does not follow"},
    {"SequenceMap", "has a body whose types caft does not follow"},
    {"SequenceConstruct", "makes a sequence"},
    {"SequenceEmpty", "makes a sequence"},
    {"SequenceInsert", "makes a sequence"},
    {"SequenceErase", "makes a sequence"},
    {"SequenceAt", "reads a sequence"},
    {"ConcatFromSequence", "reads a sequence"},
    {"SplitToSequence", "makes a sequence"},
    {"Optional", "makes an optional value"},
    {"OptionalGetElement", "reads an optional value"},
};

constexpr std::array<std::string_view, 22> kCounting = {
    "Add",    "Sub",       "Mul",     "Div",  "Mod",        "Neg",    "Abs",    "Floor",
    "Ceil",   "Round",     "Sqrt",    "Pow",  "Min",        "Max",    "Concat", "Slice",
    "Gather", "Unsqueeze", "Squeeze", "Cast", "Reciprocal", "Reshape"};

template <std::size_t Size>
std::string_view find_reason(const Reason (&table)[Size], const NodeProto& node) {
  if (!is_standard(node)) return {};
  const auto* found = std::ranges::find(table, node.op_type(), &Reason::op);
  return found == std::end(table) ? std::string_view{} : found->reason;
}

/// Finds the written-out normalisations of one graph.
class NormalizationFinder {
 public:
  explicit NormalizationFinder(const onnx::GraphProto& graph) {
    for (const NodeProto& node : graph.node()) {
      for (const std::string& output : node.output()) makers_[output] = &node;
      for (const std::string& input : node.input()) users_[input].push_back(&node);
    }
    for (const NodeProto& node : graph.node()) {
      if (node.op_type() == "Sqrt" && is_standard(node)) follow(node);
    }
  }

  std::unordered_set<const NodeProto*> found;

 private:
  const NodeProto* maker(const std::string& name, std::string_view op) const {
    const auto at = makers_.find(name);
    if (at == makers_.end() || at->second->op_type() != op || !is_standard(*at->second))
      return nullptr;
    return at->second;
  }

  const NodeProto* any_maker(const NodeProto& node, std::string_view op) const {
    for (const std::string& input : node.input()) {
      if (const NodeProto* made = maker(input, op)) return made;
    }
    return nullptr;
  }

  /// Sqrt(ReduceMean(d * d) + epsilon), then d / root or d * (1 / root); d = x - ReduceMean(x), or
  /// x.
  void follow(const NodeProto& root) {
    const NodeProto* sum = any_maker(root, "Add");
    const NodeProto* variance = sum == nullptr ? nullptr : any_maker(*sum, "ReduceMean");
    if (variance == nullptr) return;
    const NodeProto* square = any_maker(*variance, "Pow");
    if (square == nullptr) square = any_maker(*variance, "Mul");
    if (square == nullptr || square->input_size() == 0) return;
    found.insert({&root, sum, variance, square});
    if (const NodeProto* difference = maker(square->input(0), "Sub")) {
      if (const NodeProto* mean = any_maker(*difference, "ReduceMean")) {
        found.insert({difference, mean});
      }
    }
    if (root.output_size() > 0) take_quotients(root.output(0));
  }

  void take_quotients(const std::string& name) {
    const auto users = users_.find(name);
    if (users == users_.end()) return;
    for (const NodeProto* user : users->second) {
      if (user->op_type() == "Reciprocal" && found.insert(user).second && user->output_size() > 0) {
        take_quotients(user->output(0));
      } else if (user->op_type() == "Div" || user->op_type() == "Mul") {
        found.insert(user);
      }
    }
  }

  std::unordered_map<std::string, const NodeProto*> makers_;
  std::unordered_map<std::string, std::vector<const NodeProto*>> users_;
};

}  // namespace

bool is_standard(const NodeProto& node) {
  return node.domain().empty() || node.domain() == "ai.onnx";
}

std::string_view single_reason(const NodeProto& node) {
  if (!is_standard(node)) return "a custom operator's types are its own";
  if (node.op_type() == "BatchNormalization" && node.output_size() > 1) return "it trains";
  return find_reason(kSingle, node);
}

std::string_view refusal_reason(const NodeProto& node) { return find_reason(kRefused, node); }

bool stays_single(const NodeProto& node, int index) {
  if (!is_standard(node)) return false;
  const std::string& op = node.op_type();
  return (op == "Resize" && index >= 1) || (op == "Upsample" && index == 1) ||
         (op == "Dropout" && index == 1);
}

bool saturates(const NodeProto& node) {
  const std::string& op = node.op_type();
  return is_standard(node) &&
         (op == "Clip" || op == "Pad" || op == "Where" || op == "Max" || op == "Min");
}

bool adds_constant(const NodeProto& node, int index, const onnx::TensorProto& constant) {
  constexpr std::array<std::string_view, 7> kBiased = {"Conv",
                                                       "ConvTranspose",
                                                       "Gemm",
                                                       "LayerNormalization",
                                                       "InstanceNormalization",
                                                       "GroupNormalization",
                                                       "BatchNormalization"};
  if (!is_standard(node)) return false;
  const std::string& op = node.op_type();
  if (op == "Add" || op == "Sub") return element_count(constant) > 1;
  if (op == "BatchNormalization" && index == 3) return true;  // the mean
  return index == 2 && std::ranges::find(kBiased, op) != kBiased.end();
}

bool counts(const NodeProto& node) {
  return is_standard(node) && std::ranges::find(kCounting, node.op_type()) != kCounting.end();
}

std::unordered_set<const NodeProto*> normalization_nodes(const onnx::GraphProto& graph) {
  return NormalizationFinder(graph).found;
}

HalfFit half_fit(const onnx::TensorProto& tensor) {
  constexpr float kLargest = 65504.0F, kSmallestNormal = 0x1p-14F;
  float largest = 0;
  for (const float value : to_floats(read_tensor(tensor, {}))) {
    if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
  }
  if (largest > kLargest) return HalfFit::overflows;
  return largest > 0 && largest < kSmallestNormal ? HalfFit::underflows : HalfFit::fits;
}

bool scale_fits(const onnx::TensorProto& scale) {
  return std::ranges::all_of(to_floats(read_tensor(scale, {})), [](float value) {
    return std::fabs(half_to_float(float_to_half(value)) - value) <= 0x1p-9F * std::fabs(value);
  });
}

}  // namespace caft
