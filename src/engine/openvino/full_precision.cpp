#include "engine/openvino/full_precision.hpp"

#include <algorithm>
#include <memory>
#include <openvino/op/add.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convolution.hpp>
#include <openvino/op/group_conv.hpp>
#include <openvino/op/matmul.hpp>
#include <openvino/op/pad.hpp>
#include <openvino/pass/constant_folding.hpp>
#include <openvino/pass/manager.hpp>
#include <vector>

namespace ov {
// libopenvino exports it; the header that declares it is not in the wheel. A node that must not be
// converted to f16 is one that the CPU plugin leaves as it is, whatever the precision asked for.
void disable_conversion(const std::shared_ptr<Node>& node, const element::Type& to);
}  // namespace ov

namespace caft::openvino {
namespace {

using Nodes = std::vector<std::shared_ptr<ov::Node>>;

/// The product of the sizes that are known: all but the batch.
double elements(const ov::PartialShape& shape) {
  double product = 1;
  for (const ov::Dimension& size : shape) {
    if (size.is_static()) product *= static_cast<double>(size.get_length());
  }
  return product;
}

bool is_convolution(const ov::Node& node) {
  return ov::is_type<ov::op::v1::Convolution>(&node) ||
         ov::is_type<ov::op::v1::GroupConvolution>(&node);
}

/// Multiply-adds of one image (a whole batch's, where that is fixed); 0 for what has none to speak
/// of.
double multiply_adds(const ov::Node& node) {
  if (node.get_output_size() != 1 || node.get_output_partial_shape(0).rank().is_dynamic()) return 0;
  const double out = elements(node.get_output_partial_shape(0));
  if (is_convolution(node)) {
    // Weights are [out, in, kernel...] or [groups, out, in, kernel...]: one output sums over the
    // last of them, [in, kernel...].
    const ov::PartialShape& weights = node.get_input_partial_shape(1);
    const std::ptrdiff_t skip = ov::is_type<ov::op::v1::Convolution>(&node) ? 1 : 2;
    return out * elements(std::vector<ov::Dimension>(weights.begin() + skip, weights.end()));
  }
  if (const auto* product = ov::as_type<const ov::op::v0::MatMul>(&node)) {
    const ov::PartialShape& left = node.get_input_partial_shape(0);
    const auto rank = left.rank().get_length();
    const ov::Dimension& inner = left[rank - (product->get_transpose_a() && rank > 1 ? 2 : 1)];
    return inner.is_static() ? out * static_cast<double>(inner.get_length()) : 0;
  }
  return 0;
}

bool is_constant(const ov::Output<ov::Node>& value) {
  return ov::is_type<ov::op::v0::Constant>(value.get_node());
}

/// Whether a convolution's result, its bias added, is summed with another branch. The CPU plugin
/// makes one layer of the two and cannot if they differ in precision.
bool ends_in_sum(const ov::Node& convolution) {
  const ov::Node* node = &convolution;
  while (node->get_output_size() == 1 && node->get_output_target_inputs(0).size() == 1) {
    const ov::Node* next = node->get_output_target_inputs(0).begin()->get_node();
    const auto inputs = next->input_values();
    const auto constants = std::ranges::count_if(inputs, is_constant);
    if (static_cast<std::ptrdiff_t>(inputs.size()) - constants > 1)
      return ov::is_type<ov::op::v1::Add>(next);
    if (is_convolution(*next)) return false;
    node = next;
  }
  return false;
}

/// The constant of an input, as numbers; empty where it is not a constant.
std::vector<std::ptrdiff_t> constant_input(const ov::Node& node, std::size_t port) {
  const auto constant = ov::as_type_ptr<ov::op::v0::Constant>(node.get_input_node_shared_ptr(port));
  if (!constant) return {};
  const auto values = constant->cast_vector<std::int64_t>();
  return {values.begin(), values.end()};
}

/// The convolution's pads with those of `pad` added, or nothing where `pad` does more than surround
/// the image with zeros.
bool add_pads(const ov::op::util::PadBase& pad, ov::CoordinateDiff& begin,
              ov::CoordinateDiff& end) {
  if (pad.get_pad_mode() != ov::op::PadMode::CONSTANT) return false;
  if (pad.get_input_size() > 3) {
    const auto value = ov::as_type_ptr<ov::op::v0::Constant>(pad.get_input_node_shared_ptr(3));
    if (!value || value->cast_vector<float>() != std::vector<float>{0.0F}) return false;
  }
  const auto before = constant_input(pad, 1), after = constant_input(pad, 2);
  if (before.size() != begin.size() + 2 || after.size() != before.size()) return false;
  const bool plain = std::ranges::all_of(before, [](auto n) { return n >= 0; }) &&
                     std::ranges::all_of(after, [](auto n) { return n >= 0; }) &&
                     before[0] + before[1] + after[0] + after[1] == 0;
  for (std::size_t i = 0; plain && i < begin.size(); ++i) {
    begin[i] += before[i + 2];
    end[i] += after[i + 2];
  }
  return plain;
}

template <typename Convolution>
std::shared_ptr<ov::Node> without_pad(const std::shared_ptr<ov::Node>& node) {
  const auto convolution = ov::as_type_ptr<Convolution>(node);
  const auto pad = ov::as_type_ptr<ov::op::util::PadBase>(node->get_input_node_shared_ptr(0));
  if (!convolution || !pad || convolution->get_auto_pad() != ov::op::PadType::EXPLICIT) return node;
  ov::CoordinateDiff begin = convolution->get_pads_begin(), end = convolution->get_pads_end();
  if (!add_pads(*pad, begin, end)) return node;
  const auto padded = std::make_shared<Convolution>(pad->input_value(0), node->input_value(1),
                                                    convolution->get_strides(), begin, end,
                                                    convolution->get_dilations());
  padded->set_friendly_name(node->get_friendly_name());
  ov::replace_node(node, padded);
  return padded;
}

std::shared_ptr<ov::Node> with_pad_inside(const std::shared_ptr<ov::Node>& node) {
  if (ov::is_type<ov::op::v1::Convolution>(node)) return without_pad<ov::op::v1::Convolution>(node);
  return without_pad<ov::op::v1::GroupConvolution>(node);
}

}  // namespace

void keep_first_convolutions(const std::shared_ptr<ov::Model>& model) {
  // A pad's sizes often stand in the file as a computation.
  ov::pass::Manager passes;
  passes.register_pass<ov::pass::ConstantFolding>();
  passes.run_passes(model);

  const Nodes nodes = model->get_ordered_ops();
  double all = 0;
  for (const auto& node : nodes) all += multiply_adds(*node);
  double kept = 0;
  for (const auto& node : nodes) {
    const double cost = multiply_adds(*node);
    if (cost == 0) continue;
    kept += cost;
    if (!is_convolution(*node) || kept > full_precision_share * all || ends_in_sum(*node)) return;
    ov::disable_conversion(with_pad_inside(node), ov::element::f16);
  }
}

}  // namespace caft::openvino
