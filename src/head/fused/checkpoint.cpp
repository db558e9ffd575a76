#include "head/fused/checkpoint.hpp"

#include <cmath>
#include <span>
#include <string>

#include "caft/core/error.hpp"
#include "caft/core/hash.hpp"
#include "caft/core/safetensors.hpp"

namespace caft::fused {
namespace {

constexpr const char* kFormat = "caft-head-checkpoint-1";

const char* name_of(Optimizer optimizer) {
  switch (optimizer) {
    case Optimizer::lbfgs:
      return "lbfgs";
    case Optimizer::adamw:
      return "adamw";
    case Optimizer::sgd:
      break;
  }
  return "sgd";
}

template <typename T>
std::string hash_of(std::span<const T> values) {
  return to_hex(xxh3_128(std::as_bytes(values)));
}

nlohmann::json to_json(const EpochRecord& r) {
  return {{"epoch", r.epoch},
          {"train_loss", r.train_loss},
          {"val_loss", r.val_loss},
          {"val_accuracy", r.val_accuracy},
          {"learning_rate", r.learning_rate},
          {"milliseconds", r.milliseconds}};
}

EpochRecord record_from_json(const nlohmann::json& json) {
  return {.epoch = json.at("epoch").get<int>(),
          .train_loss = json.at("train_loss").get<double>(),
          .val_loss = json.at("val_loss").get<double>(),
          .val_accuracy = json.at("val_accuracy").get<double>(),
          .learning_rate = json.at("learning_rate").get<double>(),
          .milliseconds = json.at("milliseconds").get<double>()};
}

void require_same(const nlohmann::json& saved, const nlohmann::json& wanted,
                  const std::string& where) {
  for (const auto& [key, value] : wanted.items()) {
    if (saved.contains(key) && saved[key] == value) continue;
    const std::string old = saved.contains(key) ? saved[key].dump() : "nothing";
    throw Error(
        ErrorKind::mismatch,
        where + " belongs to another run: its " + key + " is " + old + ", here " + value.dump(),
        "name another checkpoint, or leave out --resume");
  }
}

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
  const FeatureView& f = data.features;
  const std::span bytes(static_cast<const std::byte*>(f.data), f.rows * f.dim * size_of(f.dtype));
  nlohmann::json identity = {{"head", config.head},
                             {"optimizer", name_of(config.optimizer)},
                             {"batch", config.batch},
                             {"learning_rate", config.learning_rate},
                             {"momentum", config.momentum},
                             {"weight_decay", config.weight_decay},
                             {"balanced", config.balanced},
                             {"label_smoothing", config.label_smoothing},
                             {"patience", config.patience},
                             {"seed", config.seed},
                             {"classes", data.classes},
                             {"dtype", to_string(f.dtype)},
                             {"features", hash_of(bytes)},
                             {"rows", hash_of(data.row_of)},
                             {"labels", hash_of(data.labels)},
                             {"multi_hot", hash_of(data.multi_hot)},
                             {"train", hash_of(data.train)},
                             {"val", hash_of(data.val)}};
  if (config.head == "mlp") {
    identity["hidden"] = config.hidden;
    identity["dropout"] = config.dropout;
  }
  // A constant rate knows nothing of the end, so such a run may be prolonged.
  identity["schedule"] = config.schedule == Schedule::cosine ? "cosine" : "constant";
  if (config.schedule == Schedule::cosine) identity["epochs"] = config.epochs;
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
  nlohmann::json json = {{"best_epoch", state.best_epoch},
                         {"best_loss", state.best_loss},
                         {"history", nlohmann::json::array()}};
  for (const EpochRecord& record : state.history) json["history"].push_back(to_json(record));
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
    require_same(nlohmann::json::parse(metadata.at("run")), identity, where);
    const auto json = nlohmann::json::parse(metadata.at("state"));
    state.best_epoch = json.at("best_epoch").get<int>();
    state.best_loss = json.at("best_loss").get<double>();
    for (const auto& record : json.at("history")) state.history.push_back(record_from_json(record));
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::bad_input, where + ": its metadata is malformed: " + error.what());
  }
  for (std::size_t i = 0; i < state.history.size(); ++i) {
    if (state.history[i].epoch != static_cast<int>(i) + 1) {
      throw Error(ErrorKind::bad_input, where + ": its epochs are not numbered from 1");
    }
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
