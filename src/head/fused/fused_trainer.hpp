// Trainers of linear and MLP heads that need no other library.
#pragma once

#include "caft/head/trainer.hpp"

namespace caft::fused {

/// Trains "linear" and "mlp" heads on standardised features. For one seed the result is the same
/// bit for bit whatever the number of threads; another instruction set rounds differently.
///
/// L-BFGS (linear): lambda is chosen on `val`; without it by stratified cross-validation; and where
/// that would cost too much, on one fifth of the training samples held out (lambda_plan.hpp says
/// where). The head is then fitted to all training samples. It writes no checkpoint: it converges
/// in less time than it would take to find one.
///
/// AdamW and SGD (linear, mlp): without `val`, a stratified tenth of the training samples is held
/// out for the validation loss, early stopping and the temperature. With `patience`, the weights of
/// the epoch with the least validation loss are kept. Linear heads start at zero, mlp heads as
/// PyTorch's nn.Linear does. The cosine schedule changes the rate once an epoch, to zero after the
/// last.
class FusedTrainer final : public HeadTrainer {
 public:
  TrainOutcome train(const TrainingData& data, const TrainConfig& config,
                     ProgressSink* progress) override;
};

/// The trainer by AdamW or SGD; data and configuration are already checked.
TrainOutcome train_by_minibatches(const TrainingData& data, const TrainConfig& config,
                                  ProgressSink* progress);

}  // namespace caft::fused
