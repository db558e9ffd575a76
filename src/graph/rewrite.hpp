// Surgery on an ONNX graph for engines that take their types from it.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>

#include "caft/engine/engine.hpp"
#include "graph/merge_head.hpp"

namespace caft {

class OnnxModel;

/// What `rewrite_graph` changes. Nothing is set: the model as it is, external data taken in.
struct GraphRewrite {
  bool half = false;                                ///< f32 arithmetic becomes f16, typed
  std::optional<InputNormalization> normalization;  ///< input becomes u8 NHWC RGB, normalised here
  std::optional<std::array<int, 2>> image_size;     ///< height, width of the image input
  std::optional<HeadMerge> head;                    ///< features become probabilities
  std::map<std::string, std::string> metadata;      ///< written as the model's metadata_props
};

/// The whole model, external data taken in, as one serialised ONNX ModelProto for a strongly typed
/// engine. Inputs and outputs keep their names and the batch stays as it was. The same model and
/// changes give the same bytes.
///
/// `normalization`: the one image input, f32 [N, 3, H, W], becomes u8 [N, H, W, 3] and is consumed
/// by a Cast to f32; (x - 255 mean) / (255 std) is computed in f32.
///
/// `half`: weights are rounded to nearest even and arithmetic is f16, but for what half_policy.hpp
/// lists. Inputs and outputs stay f32, with a Cast after and before. A model that already computes
/// in f16 or bf16 keeps the types its author gave it. QuantizeLinear and DequantizeLinear take f16
/// with opset 19, to which an older model (13 or above) is raised; below that they keep f32 between
/// Casts.
///
/// `head` is merged last and stays f32.
///
/// int32 constants behind a DequantizeLinear (quantised biases) are folded into floats.
///
/// Throws Error(bad_input) naming the node where half arithmetic cannot be typed (control flow,
/// sequences, model functions), Error(usage) on an input that cannot be normalised or resized and
/// on a result over protobuf's 2 GiB.
std::string rewrite_graph(const OnnxModel& model, const GraphRewrite& changes);

}  // namespace caft
