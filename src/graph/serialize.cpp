#include "graph/serialize.hpp"

#include "caft/core/error.hpp"
#include "caft_onnx.pb.h"
#include "graph/onnx_model.hpp"

namespace caft {

std::string serialize_model(const onnx::ModelProto& model) {
  const std::size_t size = model.ByteSizeLong();
  std::string bytes;
  if (size > OnnxModel::max_bytes || !model.SerializeToString(&bytes)) {
    throw Error(ErrorKind::usage,
                "the model with its weights takes " + std::to_string(size) +
                    " bytes, over protobuf's 2 GiB",
                "use a smaller backbone, or fp16");
  }
  return bytes;
}

}  // namespace caft
