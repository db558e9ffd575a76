#include "engine/input_shape.hpp"

#include <algorithm>

#include "caft/core/error.hpp"
#include "caft_onnx.pb.h"
#include "engine/views.hpp"

namespace caft {
namespace {

[[noreturn]] void reject(const EngineConfig& config, ErrorKind kind, const std::string& why,
                         const std::string& remedy = {}) {
  throw Error(kind, config.onnx.string() + ": " + why, remedy);
}

}  // namespace

std::vector<std::int64_t> input_shape(const OnnxValue& input, const EngineConfig& config) {
  std::vector<std::int64_t> shape = input.shape;
  if (shape.empty()) {
    reject(config, ErrorKind::bad_input, "input '" + input.name + "' has no batch dimension");
  }
  const BatchRange& batch = config.batch;
  if (shape[0] >= 0 && (batch.min != batch.max || shape[0] != batch.opt)) {
    reject(config, ErrorKind::usage,
           "input '" + input.name + "' has the fixed batch " + std::to_string(shape[0]),
           "export it with a dynamic batch, or ask for that batch only");
  }
  shape[0] = -1;
  if (config.image_size) {
    if (shape.size() != 4) {
      reject(config, ErrorKind::usage,
             "an image size was asked for, but input '" + input.name + "' is " +
                 shape_text(input.shape) + ", not [batch, channels, height, width]");
    }
    shape[2] = (*config.image_size)[0];
    shape[3] = (*config.image_size)[1];
  }
  if (std::any_of(shape.begin() + 1, shape.end(), [](std::int64_t size) { return size < 1; })) {
    reject(config, ErrorKind::usage,
           "input '" + input.name + "' has the open shape " + shape_text(input.shape),
           "give the image size");
  }
  return shape;
}

void check_normalizable(const std::vector<OnnxValue>& inputs, const EngineConfig& config) {
  if (inputs.size() == 1 && inputs[0].type == onnx::TensorProto::FLOAT &&
      inputs[0].shape.size() == 4 && inputs[0].shape[1] == 3) {
    return;
  }
  reject(config, ErrorKind::usage,
         "normalization inside the engine needs exactly one input, f32 [batch, 3, height, width]");
}

void check_output_shape(const std::string& output, const std::vector<std::int64_t>& shape,
                        const EngineConfig& config) {
  const bool known = std::ranges::all_of(shape, [](std::int64_t size) { return size >= 0; });
  if (known && !shape.empty() && shape[0] == config.batch.opt) return;
  reject(config, config.image_size ? ErrorKind::usage : ErrorKind::bad_input,
         "output '" + output + "' is " + shape_text(shape) + " for a batch of " +
             std::to_string(config.batch.opt) + ", so its rows are not the images",
         config.image_size ? "export it at that size" : "export it with a dynamic batch");
}

}  // namespace caft
