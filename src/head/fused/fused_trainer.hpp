// Trainers of linear and MLP heads that need no other library.
#pragma once

#include "caft/head/trainer.hpp"
#include "head/fused/minibatch_network.hpp"

namespace caft::fused {

/// Trains "linear" and "mlp" heads on standardised features, as HeadTrainer promises. L-BFGS writes
/// no checkpoint: it converges in less time than it would take to find one. With `patience`, the
/// weights of the epoch with the least validation loss are kept. Linear heads start at zero, mlp
/// heads as PyTorch's nn.Linear does. The cosine schedule changes the rate once an epoch, to zero
/// after the last.
class FusedTrainer final : public HeadTrainer {
 public:
  TrainOutcome train(const TrainingData& data, const TrainConfig& config,
                     ProgressSink* progress) override;
};

/// The trainer by AdamW or SGD, on the machine that `make` stands for; data and configuration are
/// already checked.
TrainOutcome train_by_minibatches(const TrainingData& data, const TrainConfig& config,
                                  const NetworkMaker& make, ProgressSink* progress);

}  // namespace caft::fused
