// Training data, checked, with samples held out for choices.
#pragma once

#include <cstdint>
#include <vector>

#include "caft/head/trainer.hpp"

namespace caft {

/// Data that has passed every check but that of the features themselves. Where the caller gives no
/// `val`, a stratified tenth of `train` is held out by seed (from twenty samples on), as the fused
/// trainer does. Views the caller's memory, which must outlive it; views itself, so it stays put.
class PreparedData {
 public:
  /// Throws as HeadTrainer::train does, and Error(usage) on L-BFGS.
  PreparedData(const TrainingData& data, const TrainConfig& config);
  PreparedData(const PreparedData&) = delete;
  PreparedData& operator=(const PreparedData&) = delete;

  [[nodiscard]] const TrainingData& get() const { return data_; }

 private:
  void hold_out(std::uint64_t seed);

  TrainingData data_;
  std::vector<std::uint32_t> train_, val_;  ///< where samples were held out
};

}  // namespace caft
