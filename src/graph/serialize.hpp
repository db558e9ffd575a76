// A changed model as the bytes of an ONNX file.
#pragma once

#include <string>

namespace caft::onnx {
class ModelProto;
}

namespace caft {

/// The model as one ONNX file. Throws Error(usage) on a result over protobuf's 2 GiB.
std::string serialize_model(const onnx::ModelProto& model);

}  // namespace caft
