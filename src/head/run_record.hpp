// What the checkpoints of all trainers record alike: whose run it is, and its epochs so far.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "caft/head/trainer.hpp"

namespace caft {

/// The configuration's fields that shape any head's weights, and hashes of features, samples and
/// targets. A trainer adds what it alone heeds. The number of epochs counts only where the schedule
/// knows the end: a run at a constant rate may be prolonged.
nlohmann::json run_identity(const TrainingData& data, const TrainConfig& config);

/// Throws Error(mismatch) naming all in which the run of checkpoint `file` differs from `wanted`.
void require_same_run(const nlohmann::json& found, const nlohmann::json& wanted,
                      const std::string& file);

nlohmann::json history_to_json(std::span<const EpochRecord> history);
/// Throws Error(bad_input) unless epochs are numbered from 1, nlohmann's exceptions on other
/// faults.
std::vector<EpochRecord> history_from_json(const nlohmann::json& json, const std::string& file);

}  // namespace caft
