// An ONNX graph ready to be interpreted: constants loaded, names resolved.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "engine/reference/operators.hpp"
#include "engine/reference/tensor.hpp"
#include "graph/onnx_model.hpp"

namespace caft::onnx {
class NodeProto;
class TensorProto;
}  // namespace caft::onnx

namespace caft::reference {

/// The values of an ONNX tensor. Throws as `read_tensor`.
Tensor load_tensor(const onnx::TensorProto& tensor, const std::filesystem::path& folder);

/// Immutable after construction; safe to run from many threads at once.
class Graph {
 public:
  /// Resolves every name and operator, loads initialisers and computes what depends on them alone.
  /// Throws Error(bad_input) naming the node: an operator that the interpreter lacks, a tensor that
  /// nothing makes before its use, a shape that does not fit.
  explicit Graph(OnnxModel model);

  [[nodiscard]] const OnnxModel& model() const { return model_; }

  /// Sees a tensor and its name.
  using Observer = std::function<void(const std::string& name, const Tensor& tensor)>;

  /// Runs the graph on its inputs, in the order of `model().inputs()`; returns its outputs. With
  /// `shapes_only` the float values of inputs and outputs are absent. `observe` is called with what
  /// each step makes, right after it.
  [[nodiscard]] std::vector<Tensor> run(std::vector<Tensor> inputs, bool shapes_only,
                                        const Observer& observe = {}) const;
  /// Calls `observe` with initialisers and what was computed from them alone.
  void visit_constants(const Observer& observe) const;

 private:
  struct Step {
    const onnx::NodeProto* node;
    Operator apply;
    std::vector<int> inputs;    ///< slots; -1: left out
    int output;                 ///< slot
    std::vector<int> finished;  ///< slots that no later step reads
  };

  void resolve(class SlotNames& names);
  void fold_constants();
  void plan_release();

  OnnxModel model_;
  std::vector<std::string> names_;  ///< by slot
  std::vector<Tensor> constants_;   ///< by slot; meaningful where is_constant_
  std::vector<bool> is_constant_;
  std::vector<Step> steps_;
  std::vector<int> inputs_, outputs_;  ///< slots
};

}  // namespace caft::reference
