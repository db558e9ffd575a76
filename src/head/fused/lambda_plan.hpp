// How the L-BFGS trainer chooses lambda, within what it may spend.
#pragma once

#include <cstddef>
#include <vector>

#include "caft/head/trainer.hpp"
#include "head/fused/lbfgs.hpp"

namespace caft::fused {

/// What cross-validation may cost. A path is about a hundred joint evaluations of all folds, and
/// two cores do some 150 GFLOP/s, so that the limit stands for half a minute; the memory of the
/// solvers and of the logits comes on top of the features.
struct PlanLimits {
  double flops = 4e10;                         ///< of one joint evaluation of all folds
  std::size_t bytes = std::size_t{512} << 20;  ///< of the solvers' vectors
  std::size_t logits = std::size_t{64} << 20;  ///< bytes of the held-out samples' logits
};

/// Whose logits judge a lambda.
enum class Judge {
  validation,        ///< the validation split that the caller gave
  cross_validation,  ///< every training sample, by the problem that did not see its fold
  hold_out,          ///< where cross-validation costs too much: a fifth of the training samples, or
                     ///< fewer, so that their logits stay within the limit
  none,              ///< fewer than four samples: nothing to judge by
};

const char* name_of(Judge judge);

struct LambdaPlan {
  Judge judge = Judge::none;
  int folds = 0;
  std::vector<int> fold_of{};   ///< of each training sample; empty when nothing is held out
  std::vector<int> left_out{};  ///< of each problem to be solved; -1: none
};

LambdaPlan make_plan(const TrainingData& data, const TrainConfig& config, std::size_t stride,
                     const PlanLimits& limits);

/// Pairs of the L-BFGS history that fit into the limits: 3 to 10.
std::size_t history_for(std::size_t stride, std::size_t classes, std::size_t problems,
                        const PlanLimits& limits);

/// From strong to weak, half a decade apart, 10 to 3e-5: with standardised features and a mean loss
/// the best lambda lies inside.
std::vector<double> default_path();

/// When a fit that only judges lambda is done. A gradient of size g leaves the weights at most
/// g / lambda away from the minimum, so that weak lambdas need smaller ones.
Lbfgs::Limits path_limits(double lambda);

/// FusedTrainer's L-BFGS; data and configuration are already checked.
TrainOutcome train_by_lbfgs(const TrainingData& data, const TrainConfig& config,
                            ProgressSink* progress, const PlanLimits& limits = {});

}  // namespace caft::fused
