// Shape inference by the interpreter: every operator run on shapes and integers, no float computed.
#pragma once

#include "graph/shape_trace.hpp"

namespace caft {

class OnnxModel;

namespace reference {

/// Runs `model` on shapes at each of ShapeTrace::batches. Batch apart, its inputs must have fixed
/// sizes. Throws Error(bad_input) naming the node on an operator that the interpreter lacks.
ShapeTrace trace_shapes(OnnxModel model);

}  // namespace reference
}  // namespace caft
