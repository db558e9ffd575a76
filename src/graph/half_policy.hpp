// Which operators keep f32 when a graph becomes f16, and why.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

namespace caft::onnx {
class GraphProto;
class NodeProto;
class TensorProto;
}  // namespace caft::onnx

namespace caft {

/// Whether a node belongs to the standard operator set.
bool is_standard(const onnx::NodeProto& node);

/// Why an operator is computed in f32 between Casts; empty when it is computed in f16.
/// Convolutions, matrix products, Softmax and normalisation operators stay f16 and their fusions
/// whole: engines sum inside them in f32 (ONNX says so of LayerNormalization's stash_type).
std::string_view single_reason(const onnx::NodeProto& node);

/// Why an operator cannot stand in a graph that is made f16; empty when it can.
std::string_view refusal_reason(const onnx::NodeProto& node);

/// Whether input `index` is f32 whatever the others are, by ONNX's own definition of the operator.
bool stays_single(const onnx::NodeProto& node, int index);

/// Whether a constant beyond f16's range means "no limit" to this operator, so that the largest f16
/// says the same.
bool saturates(const onnx::NodeProto& node);

/// Whether the node adds input `index` to numbers of ordinary size (a bias), where f16 may round it
/// to nothing without harm. A scalar is not one of them: it may be the epsilon of a quotient.
bool adds_constant(const onnx::NodeProto& node, int index, const onnx::TensorProto& constant);

/// Whether the operator only moves or counts numbers when its floats come from shapes or integers.
/// Such numbers (a size of 2049, a pixel position) keep f32 until they meet the data.
bool counts(const onnx::NodeProto& node);

/// The nodes of layer and RMS normalisations that an exporter wrote out: mean, difference, square,
/// variance, root, quotient. Squares overflow f16 at 256 and differences cancel, so the whole
/// pattern is f32, with one Cast in and one out.
std::unordered_set<const onnx::NodeProto*> normalization_nodes(const onnx::GraphProto& graph);

/// How an f32 constant takes to f16.
enum class HalfFit {
  fits,
  overflows,   ///< a finite value beyond ±65504
  underflows,  ///< every value is below f16's normal range: most of its digits would go
};
HalfFit half_fit(const onnx::TensorProto& tensor);

/// Whether quantisation scales keep their value to 2^-9 in f16.
bool scale_fits(const onnx::TensorProto& scale);

}  // namespace caft
