// Checkpoints of mini-batch training: what a resumed run needs to end bit for bit the same.
#pragma once

#include <filesystem>
#include <vector>

#include <nlohmann/json.hpp>

#include "caft/head/trainer.hpp"
#include "head/fused/network.hpp"

namespace caft::fused {

/// Where a run stands after an epoch, beside the network itself. Random numbers need no state: they
/// are functions of the seed and the epoch.
struct TrainingState {
  std::vector<EpochRecord> history;  ///< one record an epoch done
  int best_epoch = 0;                ///< of the least validation loss; 0: none yet
  double best_loss = 0;
  std::vector<std::vector<float>>
      best_weight;  ///< of each layer; empty unless patience asks for it
};

/// What must be the same for a run to be continued: caft::run_identity and what these heads heed.
nlohmann::json run_identity(const TrainingData& data, const TrainConfig& config);

/// Publishes the checkpoint atomically, as safetensors.
void save_checkpoint(const std::filesystem::path& file, const nlohmann::json& identity,
                     const std::vector<TrainedLayer>& layers, const TrainingState& state);

/// Puts a checkpoint into `layers` and returns its state. Throws Error(mismatch) naming what
/// differs from `identity`, Error(bad_input) on anything that is not a checkpoint.
TrainingState load_checkpoint(const std::filesystem::path& file, const nlohmann::json& identity,
                              std::vector<TrainedLayer>& layers);

}  // namespace caft::fused
