#include "caft/model/export.hpp"

#include <cmath>

#include "caft/core/error.hpp"
#include "caft/core/version.hpp"
#include "graph/onnx_model.hpp"
#include "graph/rewrite.hpp"

namespace caft {
namespace {

constexpr const char* kFormat = "caft-onnx-1";
constexpr const char* kPixels = "u8 NHWC RGB";
constexpr const char* kFloats = "f32 NCHW RGB, normalised";

nlohmann::json provenance(const Model& model, const BackboneCard& card) {
  // Of the data, what describes them; where they lay is nobody's business elsewhere.
  nlohmann::json data = model.data;
  for (const char* local : {"path", "cache"}) data.erase(local);
  return {{"caft_version", version()},
          {"backbone",
           {{"name", card.name},
            {"family", card.family},
            {"source", card.source},
            {"weights", card.weights},
            {"weights_sha256", card.weights_sha256},
            {"onnx_sha256", card.onnx_sha256},
            {"license", card.license}}},
          {"data", std::move(data)},
          {"metrics", model.metrics}};
}

}  // namespace

std::string export_onnx(const Model& model, const BackboneCard& card,
                        const ExportOptions& options) {
  if (card.onnx_sha256 != model.backbone.onnx_sha256) {
    throw Error(ErrorKind::mismatch,
                "the backbone " + card.name + " is not the one that this model was trained on",
                "export that one again, or train the model again");
  }
  const Preprocessing& spec = model.preprocessing;
  GraphRewrite changes{.half = options.half};
  if (options.uint8) changes.normalization = {spec.mean, spec.std};
  if (spec.height != card.preprocessing.height || spec.width != card.preprocessing.width)
    changes.image_size = {spec.height, spec.width};
  changes.head = {.head = model.head,
                  .temperature = model.temperature,
                  .multi_label = model.multi_label,
                  .round_to_half = model.feature_dtype == DType::f16};
  changes.metadata = {{"caft.format", kFormat},
                      {"classes", nlohmann::json(model.classes).dump()},
                      {"multi_label", model.multi_label ? "true" : "false"},
                      {"preprocessing", to_json(spec).dump()},
                      {"input", options.uint8 ? kPixels : kFloats},
                      {"temperature", nlohmann::json(model.temperature).dump()},
                      {"precision", std::string(to_string(model.backbone.precision))},
                      {"provenance", provenance(model, card).dump()}};
  const OnnxModel onnx = OnnxModel::load(card.onnx);
  changes.metadata["features"] = onnx.outputs().at(0).name;
  changes.metadata["feature_dtype"] = to_string(model.feature_dtype);
  return rewrite_graph(onnx, changes);
}

Model load_exported(const std::filesystem::path& file) {
  const OnnxModel onnx = OnnxModel::load(file);
  const auto entries = onnx.metadata();
  const auto entry = [&](const char* key) -> const std::string& {
    const auto found = entries.find(key);
    if (found != entries.end()) return found->second;
    throw Error(ErrorKind::bad_input,
                file.string() + " was not made by caft export: it has no metadata " + key);
  };
  if (entry("caft.format") != kFormat) {
    throw Error(ErrorKind::mismatch, file.string() + " has format " + entry("caft.format"),
                "this caft reads " + std::string(kFormat));
  }
  Model model;
  try {
    const nlohmann::json origin = nlohmann::json::parse(entry("provenance"));
    model.classes = nlohmann::json::parse(entry("classes")).get<std::vector<std::string>>();
    model.multi_label = entry("multi_label") == "true";
    model.preprocessing = preprocessing_from_json(nlohmann::json::parse(entry("preprocessing")));
    model.temperature = nlohmann::json::parse(entry("temperature")).get<double>();
    model.backbone.name = origin.at("backbone").at("name").get<std::string>();
    model.backbone.onnx_sha256 = origin.at("backbone").at("onnx_sha256").get<std::string>();
    model.backbone.precision = precision_from_string(entry("precision"));
    model.feature_dtype = dtype_from_string(entry("feature_dtype"));
    model.data = origin.at("data");
    model.metrics = origin.at("metrics");
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::bad_input, file.string() + ": " + error.what());
  }
  model.exported = std::filesystem::absolute(file).lexically_normal();
  model.head = split_head(onnx, entry("features")).head;
  if (onnx.inputs().size() != 1 || model.head.classes() != model.classes.size() ||
      !(model.temperature > 0) || !std::isfinite(model.temperature)) {
    throw Error(ErrorKind::bad_input, file.string() + " does not give a probability a class");
  }
  return model;
}

Model open_model(const std::filesystem::path& path) {
  return path.extension() == ".onnx" ? load_exported(path) : Model::load(path);
}

}  // namespace caft
