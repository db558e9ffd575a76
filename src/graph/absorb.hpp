// A model made self-contained, the first step of any surgery.
#pragma once

#include <filesystem>

namespace caft::onnx {
class ModelProto;
}

namespace caft {

/// Takes external data (under `folder`, the ONNX file's) into the model and drops value_info, which
/// surgery would leave stale, in every subgraph. Throws as `read_tensor`.
void absorb_external_data(onnx::ModelProto& model, const std::filesystem::path& folder);

}  // namespace caft
