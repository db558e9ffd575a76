#include "head/torch/checkpoint.hpp"

#include <span>

#include "caft/core/error.hpp"
#include "caft/core/safetensors.hpp"
#include "head/run_record.hpp"
#include "head/torch/describe.hpp"

namespace caft {
namespace {

constexpr const char* kFormat = "caft-torch-checkpoint-1";

/// safetensors' type of a module's tensor. int64 counters go as u64 and booleans as u8, bit for
/// bit.
DType stored_type(const std::string& name, const torch::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case torch::kFloat:
      return DType::f32;
    case torch::kHalf:
      return DType::f16;
    case torch::kBFloat16:
      return DType::bf16;
    case torch::kInt:
      return DType::i32;
    case torch::kLong:
      return DType::u64;
    case torch::kChar:
      return DType::i8;
    case torch::kByte:
    case torch::kBool:
      return DType::u8;
    default:
      throw Error(ErrorKind::usage, "a checkpoint cannot hold " + name + ", " + describe(tensor));
  }
}

std::vector<SafeTensorSpec> specs_of(const NamedTensors& tensors) {
  std::vector<SafeTensorSpec> specs;
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.device().is_cpu() || !tensor.is_contiguous()) {
      throw Error(ErrorKind::usage, "a checkpoint cannot hold " + name + ": not packed on the CPU");
    }
    specs.push_back(
        {name, stored_type(name, tensor), {tensor.sizes().begin(), tensor.sizes().end()}});
  }
  return specs;
}

std::span<std::byte> bytes_of(const torch::Tensor& tensor) {
  return {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()};
}

nlohmann::json to_json(const RunState& state) {
  return {{"optimizer_steps", state.optimizer_steps},
          {"best_epoch", state.best_epoch},
          {"best_loss", state.best_loss},
          {"history", history_to_json(state.history)}};
}

RunState state_from_json(const nlohmann::json& json, const std::string& file) {
  RunState state;
  json.at("optimizer_steps").get_to(state.optimizer_steps);
  json.at("best_epoch").get_to(state.best_epoch);
  json.at("best_loss").get_to(state.best_loss);
  state.history = history_from_json(json.at("history"), file);
  return state;
}

void require_same_tensors(const SafeTensorsFile& file, const std::vector<SafeTensorSpec>& specs) {
  const std::string name = file.file().path().string();
  for (const SafeTensorSpec& spec : specs) {
    if (!file.contains(spec.name) || file.tensor(spec.name).dtype != spec.dtype ||
        file.tensor(spec.name).shape != spec.shape) {
      throw Error(ErrorKind::mismatch,
                  name + " is the checkpoint of another module: it lacks a tensor " + spec.name +
                      " of this shape and type");
    }
  }
  if (file.tensors().size() != specs.size()) {
    throw Error(ErrorKind::mismatch,
                name + " is the checkpoint of another module: it has more tensors");
  }
}

}  // namespace

nlohmann::json run_signature(const TrainingData& data, const TrainConfig& config,
                             const std::string& kind) {
  nlohmann::json signature = run_identity(data, config);
  signature["kind"] = kind;
  signature["dropout"] = config.dropout;
  signature["early_stopping"] = config.patience > 0;
  return signature;
}

void save_checkpoint(const std::filesystem::path& file, const nlohmann::json& signature,
                     const RunState& state, const NamedTensors& tensors) {
  std::vector<std::span<const std::byte>> data;
  for (const auto& [name, tensor] : tensors) data.emplace_back(bytes_of(tensor));
  write_safetensors(
      file, specs_of(tensors), data,
      {{"format", kFormat}, {"signature", signature.dump()}, {"state", to_json(state).dump()}});
}

RunState load_checkpoint(const std::filesystem::path& file, const nlohmann::json& signature,
                         const NamedTensors& tensors) {
  const SafeTensorsFile checkpoint = SafeTensorsFile::open(file);
  const auto& metadata = checkpoint.metadata();
  const auto field = [&](const char* key) {
    const auto found = metadata.find(key);
    return found == metadata.end() ? std::string() : found->second;
  };
  if (field("format") != kFormat) {
    throw Error(ErrorKind::mismatch, file.string() + " is not a checkpoint of this trainer",
                "name another file, or train without resume");
  }
  RunState state;
  try {
    require_same_run(nlohmann::json::parse(field("signature")), signature, file.string());
    state = state_from_json(nlohmann::json::parse(field("state")), file.string());
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::bad_input,
                file.string() + ": malformed checkpoint (" + error.what() + ")");
  }
  require_same_tensors(checkpoint, specs_of(tensors));
  for (const auto& [name, tensor] : tensors) {
    checkpoint.file().read_at(checkpoint.tensor(name).offset, bytes_of(tensor));
  }
  return state;
}

}  // namespace caft
