#include "engine/reference/trace.hpp"

#include <utility>

#include "caft/core/error.hpp"
#include "engine/input_shape.hpp"
#include "engine/reference/graph.hpp"

namespace caft::reference {

ShapeTrace trace_shapes(OnnxModel model) {
  EngineConfig config;
  config.onnx = model.file();
  const Graph graph(std::move(model));
  ShapeTrace trace;
  for (std::size_t i = 0; i < ShapeTrace::batches.size(); ++i) {
    const auto record = [&](const std::string& name, const Tensor& tensor) {
      ShapeTrace::Tensor& traced = trace.tensors[name];
      traced.shape[i] = tensor.shape;
      traced.integers[i] = tensor.integers;
    };
    std::vector<Tensor> inputs;
    for (const OnnxValue& input : graph.model().inputs()) {
      Tensor tensor{input.type, input_shape(input, config), {}, {}};
      tensor.shape[0] = ShapeTrace::batches[i];
      record(input.name, tensor);
      inputs.push_back(std::move(tensor));
    }
    graph.visit_constants(record);
    try {
      (void)graph.run(std::move(inputs), true, record);
    } catch (const Error& error) {
      throw Error(error.kind(), config.onnx.string() + ": " + error.what());
    }
  }
  return trace;
}

}  // namespace caft::reference
