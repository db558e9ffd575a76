// The training loop.
#pragma once

#include <string>

#include "caft/torch/train.hpp"
#include "head/torch/standardization.hpp"

namespace caft {

class SampleSource;

struct FitTask {
  torch::nn::Module& module;
  const ForwardFunction& forward;
  const SampleSource& source;
  const TrainConfig& config;
  const Standardization* scale = nullptr;  ///< applied to every batch; null: features as they are
  std::string kind;                        ///< in the checkpoint's signature
  ProgressSink* progress = nullptr;
};

/// train_module's work, with optional standardisation; the data has been checked and the caller
/// holds a TorchSession.
ModuleOutcome fit(const FitTask& task);

}  // namespace caft
