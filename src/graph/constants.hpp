// A graph's constants, brought to one form: initialisers.
#pragma once

namespace caft::onnx {
class GraphProto;
class TensorProto;
}  // namespace caft::onnx

namespace caft {

/// Replaces what a DequantizeLinear makes of a constant int32 (a quantised bias) by an f32
/// initialiser: engines have no int32 dequantisation, and the scale (the product of two) is too
/// small for f16. Data must be in the graph, not external. Throws Error(bad_input) on a scale that
/// does not fit the bias.
void fold_quantized_biases(onnx::GraphProto& graph);

/// Turns f32 Constant nodes into initialisers, and lets the readers of an Identity of an
/// initialiser read the initialiser itself. Graph outputs keep their makers.
void lift_constants(onnx::GraphProto& graph);

/// Rounds an f32 initialiser to f16, to nearest even; finite values beyond ±65504 become ±65504.
void round_to_half(onnx::TensorProto& tensor);

}  // namespace caft
