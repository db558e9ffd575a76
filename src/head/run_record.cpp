#include "head/run_record.hpp"

#include "caft/core/error.hpp"
#include "caft/core/hash.hpp"

namespace caft {
namespace {

template <typename T>
std::string hash_of(std::span<const T> values) {
  return to_hex(xxh3_128(std::as_bytes(values)));
}

}  // namespace

nlohmann::json run_identity(const TrainingData& data, const TrainConfig& config) {
  const FeatureView& f = data.features;
  const std::span bytes(static_cast<const std::byte*>(f.data), f.rows * f.dim * size_of(f.dtype));
  nlohmann::json identity = {
      {"optimizer", to_string(config.optimizer)},
      {"schedule", config.schedule == Schedule::cosine ? "cosine" : "constant"},
      {"batch", config.batch},
      {"learning_rate", config.learning_rate},
      {"momentum", config.momentum},
      {"weight_decay", config.weight_decay},
      {"balanced", config.balanced},
      {"label_smoothing", config.label_smoothing},
      {"seed", config.seed},
      {"classes", data.classes},
      {"dim", f.dim},
      {"dtype", to_string(f.dtype)},
      {"features", hash_of(bytes)},
      {"rows", hash_of(data.row_of)},
      {"labels", hash_of(data.labels)},
      {"multi_hot", hash_of(data.multi_hot)},
      {"train", hash_of(data.train)},
      {"val", hash_of(data.val)}};
  if (config.schedule == Schedule::cosine) identity["epochs"] = config.epochs;
  return identity;
}

void require_same_run(const nlohmann::json& found, const nlohmann::json& wanted,
                      const std::string& file) {
  std::string differences;
  for (const auto& [key, value] : wanted.items()) {
    const nlohmann::json other =
        found.is_object() ? found.value(key, nlohmann::json()) : nlohmann::json();
    if (other == value) continue;
    differences += (differences.empty() ? "" : ", ") + key + " (" + other.dump() + ", now " +
                   value.dump() + ")";
  }
  if (differences.empty()) return;
  throw Error(ErrorKind::mismatch,
              file + " is the checkpoint of another run; it differs in " + differences,
              "train with the same options and data, name another checkpoint, or leave out "
              "--resume");
}

nlohmann::json history_to_json(std::span<const EpochRecord> history) {
  nlohmann::json json = nlohmann::json::array();
  for (const EpochRecord& r : history) {
    json.push_back({{"epoch", r.epoch},
                    {"train_loss", r.train_loss},
                    {"val_loss", r.val_loss},
                    {"val_accuracy", r.val_accuracy},
                    {"learning_rate", r.learning_rate},
                    {"milliseconds", r.milliseconds}});
  }
  return json;
}

std::vector<EpochRecord> history_from_json(const nlohmann::json& json, const std::string& file) {
  std::vector<EpochRecord> history;
  for (const nlohmann::json& record : json) {
    history.push_back({.epoch = record.at("epoch").get<int>(),
                       .train_loss = record.at("train_loss").get<double>(),
                       .val_loss = record.at("val_loss").get<double>(),
                       .val_accuracy = record.at("val_accuracy").get<double>(),
                       .learning_rate = record.at("learning_rate").get<double>(),
                       .milliseconds = record.at("milliseconds").get<double>()});
    if (history.back().epoch != static_cast<int>(history.size())) {
      throw Error(ErrorKind::bad_input, file + ": its epochs are not numbered from 1");
    }
  }
  return history;
}

}  // namespace caft
