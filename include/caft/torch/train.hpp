// Training any LibTorch module on cached features.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "caft/core/progress.hpp"
#include "caft/head/trainer.hpp"

namespace caft {

/// What training did to a module; the module itself holds the weights. Fields as in TrainOutcome.
struct ModuleOutcome {
  std::vector<EpochRecord> history;
  double seconds = 0;
  double epoch_ms = 0;                ///< median
  int best_epoch = 0;                 ///< whose weights the module has, from 1
  double temperature = 1;             ///< fitted on the logits of `val`; 1 without
  std::vector<std::uint32_t> scored;  ///< `data.val`, or what was held out
  std::vector<float> scored_logits;   ///< [scored.size(), classes]
};

using ForwardFunction = std::function<torch::Tensor(const torch::Tensor&)>;

/// Trains the parameters of `module` that require a gradient; `forward` maps features f32 [N, D] to
/// logits f32 [N, classes]. The module's parameters must be f32 on the CPU.
///
/// Mini-batches are gathered from `data.features` in its own dtype and widened to f32; the features
/// are never copied as a whole. The loss is cross-entropy, or binary cross-entropy for multi-label
/// data; AdamW (Loshchilov and Hutter 2019) or SGD with momentum, as PyTorch defines them; the
/// cosine schedule falls from epoch to epoch. With `config.patience` the weights of the epoch
/// with the least validation loss are restored at the end.
///
/// Without `data.val` a stratified tenth of the training samples is held out (from twenty samples
/// on).
///
/// The order of samples and the dropout masks depend on `config.seed` and the epoch alone: with the
/// same threads and LibTorch, a run gives the same bits again, also when it was interrupted and
/// resumed from `config.checkpoint`. Initial weights are the caller's. LibTorch's default generator
/// is used and put back; one training runs at a time in a process, others wait.
///
/// `progress` hears of each epoch; to finish the stage is the caller's. Throws as
/// HeadTrainer::train does.
ModuleOutcome train_module(torch::nn::Module& module, const ForwardFunction& forward,
                           const TrainingData& data, const TrainConfig& config,
                           ProgressSink* progress = nullptr);

/// The same for a module holder: torch::nn::Sequential, or any made by TORCH_MODULE.
template <typename Holder>
ModuleOutcome train_module(Holder module, const TrainingData& data, const TrainConfig& config,
                           ProgressSink* progress = nullptr) {
  return train_module(
      *module, [&module](const torch::Tensor& x) { return module->forward(x); }, data, config,
      progress);
}

/// The head of VGG (Simonyan and Zisserman 2015): Linear, ReLU, Dropout, twice, and Linear; for
/// [N, inputs] features.
torch::nn::Sequential make_vgg_head(std::int64_t inputs, std::int64_t hidden, std::int64_t classes,
                                    double dropout = 0.5);

/// The trainer behind `caft train --head vgg`: standardises the features over the training rows,
/// trains the head of VGG (4096 wide, unless `config.hidden` is set to something other than its
/// default) and returns it as dense layers, standardisation folded in. Throws Error(usage) on
/// another name than "vgg".
std::unique_ptr<HeadTrainer> make_torch_trainer(const std::string& head);

}  // namespace caft
