// A training run's state on disk.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "caft/head/trainer.hpp"

namespace caft {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// Where a run stands after an epoch, apart from its tensors.
struct RunState {
  std::int64_t optimizer_steps = 0;
  int best_epoch = 0;                ///< 0: none yet
  double best_loss = 0;              ///< of best_epoch
  std::vector<EpochRecord> history;  ///< one record an epoch that is done
};

/// What a run is: a checkpoint is resumed only by a run with the same. run_identity and what these
/// heads heed.
nlohmann::json run_signature(const TrainingData& data, const TrainConfig& config,
                             const std::string& kind);

/// Publishes a safetensors file holding `tensors` (on the CPU, packed), with state and signature in
/// its metadata. Throws Error(io), Error(usage) on a tensor of a type that the format lacks.
void save_checkpoint(const std::filesystem::path& file, const nlohmann::json& signature,
                     const RunState& state, const NamedTensors& tensors);

/// Fills `tensors` in place and returns the state. Everything is checked before a tensor is
/// touched. Throws Error(mismatch) naming what differs from this run, Error(bad_input) on a
/// malformed file.
RunState load_checkpoint(const std::filesystem::path& file, const nlohmann::json& signature,
                         const NamedTensors& tensors);

}  // namespace caft
