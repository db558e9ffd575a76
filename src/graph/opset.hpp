// Raising a model's operator set.
#pragma once

namespace caft::onnx {
class ModelProto;
}

namespace caft {

/// Raises the standard operator set from 13 … 18 to 19, which types QuantizeLinear and
/// DequantizeLinear by their scales. Attributes that became inputs at 18 (the axes of Reduce
/// operators, Split's count) are moved; no result changes. Returns false, and changes nothing,
/// where the model's set is older than 13 or an operator's meaning changed in between. A model at
/// 19 or above is fine as it is.
bool raise_opset_to_19(onnx::ModelProto& model);

}  // namespace caft
