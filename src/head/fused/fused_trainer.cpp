#include "head/fused/fused_trainer.hpp"

#include <chrono>

#include "caft/core/error.hpp"
#include "caft/core/gpu.hpp"
#include "core/plugin.hpp"
#include "head/fused/kernels.hpp"
#include "head/fused/lambda_plan.hpp"
#include "head/fused/problem.hpp"

namespace caft::fused {
namespace {

std::unique_ptr<MinibatchNetwork> make_cuda_network(const TrainingData& data,
                                                    const TrainConfig& config) {
  using Maker = MinibatchNetwork* (*)(const TrainingData&, const TrainConfig&);
  const auto make = reinterpret_cast<Maker>(plugin_symbol("caft_cuda", "caft_cuda_make_network"));
  return std::unique_ptr<MinibatchNetwork>(make(data, config));
}

/// Where AdamW and SGD run.
NetworkMaker maker_of(TrainDevice device) {
  if (device == TrainDevice::cpu) return make_cpu_network;
  const GpuList list = gpu_list();
  if (!list.gpus.empty()) return make_cuda_network;
  if (device == TrainDevice::automatic) return make_cpu_network;
  throw Error(ErrorKind::unavailable, "training on a GPU: " + list.reason,
              "leave out --device cuda, or see caft doctor");
}

}  // namespace

TrainOutcome FusedTrainer::train(const TrainingData& data, const TrainConfig& config,
                                 ProgressSink* progress) {
  if (config.head != "linear" && config.head != "mlp") {
    throw Error(ErrorKind::usage,
                "the fused trainer makes linear and mlp heads, not " + config.head);
  }
  check_config(config);
  check_data(data);
  const auto start = std::chrono::steady_clock::now();
  TrainOutcome outcome =
      config.optimizer == Optimizer::lbfgs
          ? train_by_lbfgs(data, config, progress)
          : train_by_minibatches(data, config, maker_of(config.device), progress);
  outcome.head.kind = config.head;
  outcome.temperature = temperature_of(data, outcome.scored, outcome.scored_logits);
  outcome.details["trainer"] = "fused";
  if (config.optimizer == Optimizer::lbfgs) {
    outcome.details["device"] = "cpu";
    outcome.details["instruction_set"] = kernels().name;
  }
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return outcome;
}

}  // namespace caft::fused
