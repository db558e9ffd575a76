// From f32 arithmetic to f16, written into the graph's types.
#pragma once

namespace caft::onnx {
class ModelProto;
}

namespace caft {

/// Types `model` as f16 by the rules of half_policy.hpp; inputs and outputs keep theirs. All tensor
/// data must be in the model. A model that has f16 or bf16 arithmetic already is left alone. Throws
/// Error(bad_input) naming the node that cannot be typed.
void convert_to_half(onnx::ModelProto& model);

}  // namespace caft
