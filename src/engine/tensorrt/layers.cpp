#include "engine/tensorrt/layers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

namespace caft::tensorrt {
namespace {

/// The element type in TensorRT's words: "Channel major FP16 format where channel % 8 == 0",
/// "Row major linear FP32", "Half NHWC8".
std::string type_in(std::string_view format) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 12> words{
      {{"BF16", "bf16"},
       {"BFloat16", "bf16"},
       {"FP16", "half"},
       {"Half", "half"},
       {"FP32", "float"},
       {"Float", "float"},
       {"FP8", "fp8"},
       {"UInt8", "uint8"},
       {"UINT8", "uint8"},
       {"Int8", "int8"},
       {"INT8", "int8"},
       {"Int32", "int32"}}};
  for (const auto& [word, type] : words) {
    if (format.find(word) != std::string_view::npos) return std::string(type);
  }
  return std::string(format);
}

std::string value_text(const nlohmann::json& tensor) {
  std::string shape;
  for (const nlohmann::json& size : tensor.value("Dimensions", nlohmann::json::array())) {
    shape += (shape.empty() ? "" : ",") + size.dump();
  }
  const std::string format = tensor.value("Format/Datatype", tensor.value("Format", ""));
  return fmt::format("{} [{}] {}", tensor.value("Name", "?"), shape, format);
}

/// The texts of a layer's inputs or outputs, and the element types.
std::pair<std::string, std::vector<std::string>> values(const nlohmann::json& layer,
                                                        const char* which) {
  std::pair<std::string, std::vector<std::string>> result;
  const auto found = layer.find(which);
  if (found == layer.end() || !found->is_array()) return result;
  for (const nlohmann::json& tensor : *found) {
    if (!tensor.is_object()) continue;
    result.first += (result.first.empty() ? "" : "; ") + value_text(tensor);
    result.second.push_back(
        type_in(tensor.value("Format/Datatype", tensor.value("Format", std::string()))));
  }
  return result;
}

PlanLayer to_layer(const nlohmann::json& json) {
  if (json.is_string()) return {.name = json.get<std::string>()};
  PlanLayer layer{.name = json.value("Name", ""), .type = json.value("LayerType", "")};
  layer.inputs = values(json, "Inputs").first;
  std::tie(layer.outputs, layer.precisions) = values(json, "Outputs");
  return layer;
}

bool has(const PlanLayer& layer, std::string_view type) {
  return std::ranges::find(layer.precisions, type) != layer.precisions.end();
}

/// Moves and converts values, computes nothing.
bool is_plumbing(const PlanLayer& layer) {
  constexpr std::array<std::string_view, 7> kinds{"Reformat", "NoOp", "Constant", "shape_call",
                                                  "Shuffle",  "Cast", "signal"};
  return std::ranges::any_of(
      kinds, [&](std::string_view kind) { return layer.type.find(kind) != std::string::npos; });
}

}  // namespace

std::vector<PlanLayer> read_layers(nvinfer1::ICudaEngine& engine) {
  std::vector<PlanLayer> layers;
  const std::unique_ptr<nvinfer1::IEngineInspector> inspector(engine.createEngineInspector());
  if (!inspector) return layers;
  for (int i = 0; i < engine.getNbLayers(); ++i) {
    const char* text = inspector->getLayerInformation(i, nvinfer1::LayerInformationFormat::kJSON);
    const nlohmann::json json =
        nlohmann::json::parse(text != nullptr ? text : "", nullptr, /*allow_exceptions=*/false);
    if (json.is_object() || json.is_string()) layers.push_back(to_layer(json));
  }
  return layers;
}

Precision widest_precision(const std::vector<PlanLayer>& layers) {
  const auto any = [&](std::string_view type) {
    return std::ranges::any_of(layers, [&](const PlanLayer& layer) { return has(layer, type); });
  };
  if (any("int8")) return Precision::int8;
  if (any("half")) return Precision::fp16;
  return any("bf16") ? Precision::bf16 : Precision::fp32;
}

std::vector<std::string> precision_warnings(const std::vector<PlanLayer>& layers, Precision wanted,
                                            const std::vector<TensorInfo>& outputs) {
  const std::string_view type = wanted == Precision::fp16   ? "half"
                                : wanted == Precision::int8 ? "int8"
                                : wanted == Precision::bf16 ? "bf16"
                                                            : "";
  if (type.empty()) return {};
  std::size_t computing = 0;
  std::vector<std::string> others;
  for (const PlanLayer& layer : layers) {
    const bool last = std::ranges::any_of(outputs, [&](const TensorInfo& output) {
      return layer.outputs.starts_with(output.name + " [");
    });
    if (layer.precisions.empty() || last || is_plumbing(layer)) continue;
    ++computing;
    if (!has(layer, type)) others.push_back(layer.name);
  }
  if (computing == 0) return {"the plan tells no types: build it with caft to see them"};
  if (others.empty()) return {};
  std::string names;
  constexpr std::size_t shown = 5;
  for (std::size_t i = 0; i < std::min(shown, others.size()); ++i) {
    names += (i == 0 ? "" : ", ") + others[i];
  }
  if (others.size() > shown) names += ", …";
  return {fmt::format("asked for {}, but {} of {} layers do not give {}: {}", to_string(wanted),
                      others.size(), computing, type, names)};
}

}  // namespace caft::tensorrt
