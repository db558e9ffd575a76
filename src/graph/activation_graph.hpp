// The part of an ONNX graph that carries the images' values from input to output.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "graph/shape_trace.hpp"

namespace caft::onnx {
class GraphProto;
class NodeProto;
}  // namespace caft::onnx

namespace caft {

/// Whether the node reads only its input's shape: what it makes follows from the batch size alone.
bool reads_shape_only(const onnx::NodeProto& node);

/// The nodes between input and output through which values of the input flow. Weights, constants
/// and the arithmetic on shapes are not among them, and neither is what no output needs. Holds
/// pointers into the graph, which must outlive it.
class ActivationGraph {
 public:
  /// Throws Error(bad_input) naming the node on control flow, whose captures hide the flow.
  explicit ActivationGraph(const onnx::GraphProto& graph);

  /// In the file's order, which is topological.
  [[nodiscard]] const std::vector<const onnx::NodeProto*>& nodes() const { return nodes_; }

  /// A tensor that every path from input to output goes through.
  struct Separator {
    std::string tensor;
    std::size_t node;  ///< its maker, an index into `nodes()`; nodes after it are all behind it
  };
  /// Every separator but the inputs and the outputs, in order. A tensor separates where no edge
  /// leads from before it to behind it, in any topological order.
  [[nodiscard]] std::vector<Separator> separators() const;

  /// Whether a tensor holds values of the input.
  [[nodiscard]] bool carries(const std::string& tensor) const { return carriers_.contains(tensor); }

 private:
  void keep_needed();
  const onnx::GraphProto& graph_;
  std::vector<const onnx::NodeProto*> nodes_;
  std::unordered_map<std::string, bool> carriers_;  ///< by name: whether an output needs it
};

/// Multiply-adds of a node for one image: convolutions and matrix products, 0 for the rest. Throws
/// Error(bad_input) where the trace lacks a shape.
double multiply_adds(const onnx::NodeProto& node, const ShapeTrace& trace);

}  // namespace caft
