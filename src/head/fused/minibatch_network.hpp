// What mini-batch training asks of the machine it runs on: the CPU, or a GPU.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <nlohmann/json.hpp>

#include "caft/head/trainer.hpp"
#include "head/fused/network.hpp"
#include "head/fused/problem.hpp"

namespace caft::fused {

/// A head in training: its parameters, the features it learns from and the arithmetic between. Both
/// makers visit samples in the same order, with the same updates and dropout masks, so that their
/// heads differ by rounding alone. Used by one thread.
class MinibatchNetwork {
 public:
  virtual ~MinibatchNetwork() = default;

  /// Of an epoch, over its batches: the losses and what they are divided by.
  struct Sums {
    double loss = 0, weight = 0;
  };
  /// Epoch `epoch` (from 1) over the training samples, at learning rate `rate`.
  virtual Sums train_epoch(int epoch, double rate) = 0;

  /// Of the validation samples, without dropout.
  virtual Score validate() = 0;
  /// Logits [validation samples, classes], without dropout.
  virtual std::vector<float> validation_logits() = 0;

  /// The parameters as they are now and, with `moments`, the optimiser's state (else it may be an
  /// older one). What is written to them counts once `changed` is called.
  virtual std::vector<TrainedLayer>& layers(bool moments) = 0;
  virtual void changed() = 0;

  /// The head over raw features.
  virtual Head head() = 0;

  /// What ran it, for TrainOutcome::details.
  [[nodiscard]] virtual nlohmann::json details() const = 0;
};

/// Makes a network for `data`, whose parts are final, borrowing both arguments.
using NetworkMaker = std::function<std::unique_ptr<MinibatchNetwork>(const TrainingData& data,
                                                                     const TrainConfig& config)>;

std::unique_ptr<MinibatchNetwork> make_cpu_network(const TrainingData& data,
                                                   const TrainConfig& config);

NetworkShape shape_of(const TrainingData& data, const TrainConfig& config);

/// Steps of an epoch.
std::uint64_t steps_of(const TrainingData& data, const NetworkShape& shape);

/// The learning rate of epoch `epoch`, counted from 1.
double rate_of(const TrainConfig& config, int epoch);

/// The constants of optimiser step `step`, counted from 1 over all epochs.
Update update_of(const TrainConfig& config, double rate, std::uint64_t step);

/// What a step's dropout masks are drawn from.
inline std::uint64_t dropout_key_of(std::uint64_t seed, std::uint64_t step) {
  return seed ^ (step << 20);
}

}  // namespace caft::fused
