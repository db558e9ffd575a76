// A backbone cut in two ONNX files, and trained weights put back into the whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/shape_trace.hpp"
#include "graph/tensor_data.hpp"

namespace caft {

class OnnxModel;

/// The graph from its inputs to `tensor`, its one output, as a serialised ONNX ModelProto with
/// external data taken in; the batch is dynamic. `tensor` is a cut (see find_cuts). Throws
/// Error(not_found) on a tensor that is none and Error(usage) on a result over protobuf's 2 GiB.
std::string front_graph(const OnnxModel& model, const ShapeTrace& trace, const std::string& tensor);

/// The graph from `tensor`, its one input, f32 [batch, …], to the outputs, in the same form: nodes
/// and initialisers keep their names. Where a node behind the cut asks for the shape of a tensor
/// before it, the shape is computed from the batch size instead. Throws as above, and
/// Error(bad_input) where such a shape does not follow from the batch size.
std::string tail_graph(const OnnxModel& model, const ShapeTrace& trace, const std::string& tensor);

/// The whole model with the named initialisers replaced, serialised in the same form. Throws
/// Error(not_found) on a name that is no initialiser and Error(mismatch) on another type or shape.
std::string with_weights(const OnnxModel& model, const std::map<std::string, TensorData>& weights);

}  // namespace caft
