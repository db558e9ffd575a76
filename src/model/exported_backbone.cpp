#include "model/exported_backbone.hpp"

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "caft/engine/engine.hpp"
#include "caft_onnx.pb.h"
#include "core/scratch_folder.hpp"
#include "graph/merge_head.hpp"
#include "graph/onnx_model.hpp"

namespace caft {

Backbone open_exported_backbone(const Model& model, const BackboneOptions& options) {
  const OnnxModel onnx = OnnxModel::load(model.exported);
  const OnnxValue input = onnx.inputs().at(0);
  Backbone backbone;
  backbone.preprocessing = model.preprocessing;
  backbone.card.name = model.backbone.name;
  backbone.card.onnx = model.exported;
  backbone.card.onnx_sha256 = model.backbone.onnx_sha256;
  backbone.card.input = input.name;
  backbone.card.output = onnx.metadata().at("features");
  backbone.card.feature_dim = static_cast<int>(model.head.inputs());
  const Backend& maker = options.backend.empty() ? default_backend() : backend(options.backend);
  backbone.backend = maker.name();

  const ScratchFolder scratch;
  EngineConfig config{.onnx = scratch / "backbone.onnx", .precision = options.precision};
  write_file_atomically(config.onnx, split_head(onnx, backbone.card.output).backbone);
  config.batch = engine_batch(maker.name(), options.batch);
  if (input.type != onnx::TensorProto::UINT8)
    config.normalization =
        InputNormalization{.mean = model.preprocessing.mean, .std = model.preprocessing.std};
  config.threads = options.threads;
  config.latency = options.latency;
  config.device_index = options.device;
  config.plan = options.plan;
  backbone.engine = maker.build(config);
  return backbone;
}

}  // namespace caft
