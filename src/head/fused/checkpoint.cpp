#include "head/fused/checkpoint.hpp"

#include <cmath>
#include <span>
#include <string>

#include "caft/core/error.hpp"
#include "caft/core/safetensors.hpp"
#include "head/run_record.hpp"

namespace caft::fused {
namespace {

constexpr const char* kFormat = "caft-head-checkpoint-1";

/// Tensors of one shape, read into a float array of exactly that many values.
void read_into(const SafeTensorsFile& file, const std::string& name, const TrainedLayer& layer,
               std::span<float> out) {
  const SafeTensorInfo& info = file.tensor(name);
  const std::vector<std::uint64_t> shape{layer.outputs, layer.stride};
  if (info.dtype != DType::f32 || info.shape != shape) {
    throw Error(ErrorKind::bad_input, file.file().path().string() + ": tensor " + name +
                                          " does not have the shape of its layer");
  }
  const std::vector<float> values = file.read_f32(name);
  for (const float value : values) {
    if (!std::isfinite(value)) {
      throw Error(ErrorKind::bad_input,
                  file.file().path().string() + ": tensor " + name + " holds NaN or infinity");
    }
  }
  std::ranges::copy(values, out.begin());
}

std::string tensor_name(std::size_t layer, const char* part) {
  return "layers." + std::to_string(layer) + "." + part;
}

}  // namespace

nlohmann::json run_identity(const TrainingData& data, const TrainConfig& config) {
  nlohmann::json identity = caft::run_identity(data, config);
  identity["head"] = config.head;
  identity["patience"] = config.patience;
  if (config.head == "mlp") {
    identity["hidden"] = config.hidden;
    identity["dropout"] = config.dropout;
  }
  return identity;
}

void save_checkpoint(const std::filesystem::path& file, const nlohmann::json& identity,
                     const std::vector<TrainedLayer>& layers, const TrainingState& state) {
  std::vector<SafeTensorSpec> specs;
  std::vector<std::span<const std::byte>> data;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const TrainedLayer& layer = layers[l];
    const auto add = [&](const char* part, std::span<const float> values) {
      specs.push_back({tensor_name(l, part), DType::f32, {layer.outputs, layer.stride}});
      data.push_back(std::as_bytes(values));
    };
    add("weight", layer.weight.span());
    add("first", layer.first.span());
    add("second", layer.second.span());
    if (!state.best_weight.empty()) add("best", state.best_weight[l]);
  }
  const nlohmann::json json = {{"best_epoch", state.best_epoch},
                               {"best_loss", state.best_loss},
                               {"history", history_to_json(state.history)}};
  write_safetensors(file, specs, data,
                    {{"format", kFormat}, {"run", identity.dump()}, {"state", json.dump()}});
}

TrainingState load_checkpoint(const std::filesystem::path& path, const nlohmann::json& identity,
                              std::vector<TrainedLayer>& layers) {
  const SafeTensorsFile file = SafeTensorsFile::open(path);
  const std::string where = path.string();
  const auto& metadata = file.metadata();
  if (!metadata.contains("format") || metadata.at("format") != kFormat ||
      !metadata.contains("run") || !metadata.contains("state")) {
    throw Error(ErrorKind::bad_input, where + " is not a checkpoint of a head",
                "name another checkpoint, or leave out --resume");
  }
  TrainingState state;
  try {
    require_same_run(nlohmann::json::parse(metadata.at("run")), identity, where);
    const auto json = nlohmann::json::parse(metadata.at("state"));
    state.best_epoch = json.at("best_epoch").get<int>();
    state.best_loss = json.at("best_loss").get<double>();
    state.history = history_from_json(json.at("history"), where);
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::bad_input, where + ": its metadata is malformed: " + error.what());
  }
  if (state.best_epoch < 0 || state.best_epoch > static_cast<int>(state.history.size())) {
    throw Error(ErrorKind::bad_input, where + ": its best epoch is not one of its epochs");
  }
  const bool has_best = file.contains(tensor_name(0, "best"));
  for (std::size_t l = 0; l < layers.size(); ++l) {
    TrainedLayer& layer = layers[l];
    read_into(file, tensor_name(l, "weight"), layer, layer.weight.span());
    read_into(file, tensor_name(l, "first"), layer, layer.first.span());
    read_into(file, tensor_name(l, "second"), layer, layer.second.span());
    if (!has_best) continue;
    state.best_weight.emplace_back(layer.weight.size());
    read_into(file, tensor_name(l, "best"), layer, state.best_weight.back());
  }
  return state;
}

}  // namespace caft::fused
