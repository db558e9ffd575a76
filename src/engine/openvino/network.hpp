// An ONNX file as an OpenVINO model with caft's inputs: batch range, image size, normalisation.
#pragma once

#include <memory>
#include <openvino/openvino.hpp>
#include <vector>

#include "caft/engine/engine.hpp"

namespace caft::openvino {

/// The model before compilation. Port i of the model is inputs[i] / outputs[i].
struct Network {
  std::shared_ptr<ov::Model> model;  ///< its batch dimension spans the configured range
  bool quantized = false;            ///< the file holds Q/DQ nodes
  std::vector<TensorInfo> inputs, outputs;
};

/// Reads and prepares `config.onnx`. Throws Error: not_found, bad_input (an operator that OpenVINO
/// cannot convert, an output that does not carry the batch), usage (a fixed batch, an image size
/// that the graph cannot take, a normalisation of something that is not one RGB image).
Network read_network(ov::Core& core, const EngineConfig& config);

/// A copy of the model, sharing its weights, whose batch is exactly `rows`.
std::shared_ptr<ov::Model> with_batch(const Network& network, int rows);

}  // namespace caft::openvino
