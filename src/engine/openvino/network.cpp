#include "engine/openvino/network.hpp"

#include <map>
#include <string>

#include "caft/core/error.hpp"
#include "engine/input_shape.hpp"
#include "engine/openvino/convert.hpp"
#include "engine/views.hpp"
#include "graph/onnx_model.hpp"

namespace caft::openvino {
namespace {

using Shapes = std::map<ov::Output<ov::Node>, ov::PartialShape>;

/// OpenVINO's partial shape with -1 for what is open.
std::vector<std::int64_t> sizes_of(const ov::PartialShape& shape) {
  if (shape.rank().is_dynamic()) return {};
  std::vector<std::int64_t> sizes;
  for (const ov::Dimension& size : shape)
    sizes.push_back(size.is_static() ? size.get_length() : -1);
  return sizes;
}

/// Sets batch and image size. A graph with sizes baked in (a ViT's position embedding, a Reshape)
/// either fails here or moves images into the batch, which `describe` notices.
void reshape_inputs(ov::Model& model, const EngineConfig& config,
                    const std::vector<OnnxValue>& inputs) {
  Shapes shapes;
  std::string what = config.onnx.string() + " cannot take";
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::vector<std::int64_t> sizes = input_shape(inputs[i], config);
    ov::PartialShape shape(std::vector<ov::Dimension>(sizes.begin(), sizes.end()));
    shape[0] = ov::Dimension(config.batch.min, config.batch.max);
    shapes[model.input(i)] = shape;
    what += " input '" + inputs[i].name + "' " + shape_text(sizes);
  }
  guarded(ErrorKind::usage, what, "export it at that size", [&] { model.reshape(shapes); });
}

/// Makes the one RGB input u8 NHWC and normalises it inside the model.
std::shared_ptr<ov::Model> fold_normalization(const std::shared_ptr<ov::Model>& model,
                                              const InputNormalization& normalization) {
  // (x / 255 - mean) / std = (x - 255 mean) / (255 std): two steps instead of three.
  std::vector<float> mean, scale;
  for (std::size_t c = 0; c < 3; ++c) {
    mean.push_back(255.0F * normalization.mean[c]);
    scale.push_back(255.0F * normalization.std[c]);
  }
  ov::preprocess::PrePostProcessor steps(model);
  steps.input().tensor().set_element_type(ov::element::u8).set_layout("NHWC");
  steps.input().model().set_layout("NCHW");
  steps.input().preprocess().convert_element_type(ov::element::f32).mean(mean).scale(scale);
  return steps.build();
}

TensorInfo describe(const std::string& name, const ov::Output<ov::Node>& port) {
  TensorInfo info{name, to_dtype(port.get_element_type(), name), {-1}};
  const ov::Shape shape = port.get_shape();
  info.shape.insert(info.shape.end(), shape.begin() + 1, shape.end());
  return info;
}

/// Inputs and outputs as they are at batch `opt`, where every size is known.
void describe_ports(Network& network, const EngineConfig& config, const OnnxModel& onnx) {
  const bool resized = config.image_size.has_value();
  const std::shared_ptr<ov::Model> fixed =
      guarded(resized ? ErrorKind::usage : ErrorKind::bad_input,
              config.onnx.string() + " cannot take a batch of " + std::to_string(config.batch.opt) +
                  (resized ? " at this image size" : ""),
              resized ? "export it at that size" : "export it with a dynamic batch",
              [&] { return with_batch(network, config.batch.opt); });
  const std::vector<OnnxValue> inputs = onnx.inputs(), outputs = onnx.outputs();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    network.inputs.push_back(describe(inputs[i].name, fixed->input(i)));
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const ov::Output<ov::Node> port = fixed->output(i);
    check_output_shape(outputs[i].name, sizes_of(port.get_partial_shape()), config);
    network.outputs.push_back(describe(outputs[i].name, port));
  }
}

}  // namespace

Network read_network(ov::Core& core, const EngineConfig& config) {
  // Read by caft first: OpenVINO follows external data wherever they point.
  const OnnxModel onnx = OnnxModel::load(config.onnx);
  Network network;
  network.quantized = onnx.is_quantized();
  network.model = guarded(ErrorKind::bad_input, "OpenVINO cannot read " + config.onnx.string(),
                          "export it with operators that OpenVINO has",
                          [&] { return core.read_model(config.onnx.string()); });
  const std::vector<OnnxValue> inputs = onnx.inputs();
  if (network.model->inputs().size() != inputs.size() || inputs.empty() ||
      network.model->outputs().size() != onnx.outputs().size()) {
    throw Error(
        ErrorKind::bad_input,
        config.onnx.string() + ": OpenVINO sees other inputs or outputs than the file names");
  }
  reshape_inputs(*network.model, config, inputs);
  if (config.normalization) {
    check_normalizable(inputs, config);
    network.model = fold_normalization(network.model, *config.normalization);
  }
  describe_ports(network, config, onnx);
  return network;
}

std::shared_ptr<ov::Model> with_batch(const Network& network, int rows) {
  std::shared_ptr<ov::Model> copy = network.model->clone();
  Shapes shapes;
  for (const ov::Output<ov::Node>& port : copy->inputs()) {
    ov::PartialShape shape = port.get_partial_shape();
    shape[0] = rows;
    shapes[port] = shape;
  }
  copy->reshape(shapes);
  return copy;
}

}  // namespace caft::openvino
