// A trained head at the end of its backbone's graph.
#pragma once

#include <string>

#include "caft/head/head.hpp"

namespace caft::onnx {
class ModelProto;
}

namespace caft {

class OnnxModel;

/// What follows the features in a merged graph.
struct HeadMerge {
  Head head;
  double temperature = 1;  ///< logits are divided by it
  bool multi_label = false;
  bool round_to_half = false;  ///< features are rounded to f16 first, as a cache of f16 has them
  std::string output = "probabilities";  ///< its name in the graph; f32 [batch, classes]
};

/// Replaces the graph's one output, f32 features [batch, D], by probabilities: dense layers with
/// ReLU between them, division by the temperature, Softmax over the classes (multi-label: Sigmoid),
/// all in f32. Throws Error(mismatch) where the graph does not give what the head takes.
void merge_head(onnx::ModelProto& model, const HeadMerge& merge);

struct SplitModel {
  std::string backbone;  ///< a serialised ModelProto that gives features again
  Head head;             ///< its kind is not in the graph: "linear" or "mlp"
};

/// Undoes merge_head(): `features` names the tensor between the two. Throws Error(bad_input) where
/// what follows it is not what merge_head() makes.
SplitModel split_head(const OnnxModel& model, const std::string& features);

}  // namespace caft
