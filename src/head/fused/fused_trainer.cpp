#include "head/fused/fused_trainer.hpp"

#include <chrono>

#include "caft/core/error.hpp"
#include "head/fused/kernels.hpp"
#include "head/fused/lambda_plan.hpp"
#include "head/fused/problem.hpp"

namespace caft::fused {

TrainOutcome FusedTrainer::train(const TrainingData& data, const TrainConfig& config,
                                 ProgressSink* progress) {
  if (config.head != "linear" && config.head != "mlp") {
    throw Error(ErrorKind::usage,
                "the fused trainer makes linear and mlp heads, not " + config.head);
  }
  check_config(config);
  check_data(data);
  const auto start = std::chrono::steady_clock::now();
  TrainOutcome outcome = config.optimizer == Optimizer::lbfgs
                             ? train_by_lbfgs(data, config, progress)
                             : train_by_minibatches(data, config, progress);
  outcome.head.kind = config.head;
  outcome.temperature = temperature_of(data, outcome.scored, outcome.scored_logits);
  outcome.details["trainer"] = "fused";
  outcome.details["instruction_set"] = kernels().name;
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return outcome;
}

}  // namespace caft::fused
