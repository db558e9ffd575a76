// Training a head on cached features.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "caft/core/progress.hpp"
#include "caft/head/head.hpp"
#include "caft/head/metrics.hpp"

namespace caft {

/// What a head learns from. Sample i has features.row(row_of[i]) and target i; a sample is named by
/// its index. Held-out samples are not in here at all.
struct TrainingData {
  FeatureView features;
  std::span<const std::uint32_t> row_of;    ///< [samples]
  std::span<const std::int32_t> labels;     ///< [samples] class indices; empty when multi-label
  std::span<const std::uint8_t> multi_hot;  ///< [samples, classes] 0/1; empty when single-label
  std::size_t classes = 0;
  std::span<const std::uint32_t> train;  ///< sample indices
  std::span<const std::uint32_t>
      val;  ///< sample indices for every choice; may be empty (see trainers)
};

enum class Optimizer : std::uint8_t { lbfgs, adamw, sgd };
std::string_view to_string(Optimizer optimizer);
enum class Schedule : std::uint8_t { constant, cosine };

/// Where a head trains. `automatic`: on the GPU where there is one and the trainer can use it
/// (linear and mlp heads by adamw or sgd), else on the CPU. `cuda`: on the GPU or not at all:
/// Error(usage) for what trains on the CPU only (lbfgs, vgg), Error(unavailable), with the reason,
/// where there is no GPU.
enum class TrainDevice : std::uint8_t { automatic, cpu, cuda };

struct TrainConfig {
  std::string head = "linear";  ///< "linear", "mlp", "vgg"
  Optimizer optimizer = Optimizer::lbfgs;
  Schedule schedule = Schedule::cosine;
  int epochs = 30;
  int batch = 64;
  double learning_rate = 1e-3;
  double momentum = 0.9;       ///< sgd
  double weight_decay = 1e-4;  ///< adamw, sgd (decoupled for adamw)
  /// lbfgs: candidates for lambda in mean loss + lambda/2 |W|^2 (multi-label: of each label's
  /// loss); biases are not regularised, features are standardised. Empty: a path.
  std::vector<double> l2;
  int folds = 5;          ///< lbfgs: of the cross-validation that chooses lambda
  bool balanced = false;  ///< class weights n / (classes * n_c), as scikit-learn's "balanced"
  double label_smoothing = 0;
  int hidden = 512;      ///< mlp
  double dropout = 0.5;  ///< mlp, vgg
  int patience = 0;      ///< epochs without a better validation loss before stopping; 0: never
  std::uint64_t seed = 0;
  int threads = 0;  ///< 0: every core this process may use
  TrainDevice device = TrainDevice::cpu;
  std::filesystem::path checkpoint;  ///< adamw, sgd: written after each epoch when not empty
  bool resume = false;               ///< continue from `checkpoint` when it exists
};

struct EpochRecord {
  int epoch = 0;          ///< from 1 (lbfgs: one record an iteration of the final fit)
  double train_loss = 0;  ///< what is minimised: weighted, smoothed, lbfgs: with the penalty
  double val_loss = 0, val_accuracy = 0;  ///< plain cross-entropy; 0 where there is no validation
  double learning_rate = 0;
  double milliseconds = 0;  ///< of training alone, without validation and checkpoint
};

struct TrainOutcome {
  Head head;
  std::vector<EpochRecord> history;
  double seconds = 0;
  double epoch_ms = 0;     ///< median
  double temperature = 1;  ///< fitted on validation (or out-of-fold) logits
  /// Logits of the samples that choices were made on: `val`. Without `val`, for lbfgs: every
  /// training sample by the fold that did not see it, or, where that costs too much, a held-out
  /// fifth or less; for adamw and sgd: the tenth of the training samples that was held out.
  /// [scored.size(), classes].
  std::vector<std::uint32_t> scored;
  std::vector<float> scored_logits;
  nlohmann::json details;  ///< the trainer's own: chosen lambda, the path's losses …
};

/// A maker of heads. `fused` (linear, mlp) is in libcaft; `torch` (vgg, user modules) is opened at
/// need.
///
/// The fused trainer gives the same bits for the same seed and data whatever the number of threads
/// and however often it was interrupted and resumed; a CPU with other vector instructions rounds
/// otherwise. Its L-BFGS chooses lambda on `val`; without it by stratified cross-validation inside
/// `train`; where a pass over all folds would exceed 40 GFLOP or 512 MB, on a held-out fifth of
/// `train`, or less where its logits would exceed 64 MB. The head is then fitted to all of `train`.
/// Its AdamW and SGD hold out a stratified tenth of `train` when there is no `val` (from twenty
/// samples on), for the validation loss, early stopping and the temperature.
///
/// On a GPU (`TrainConfig::device`) the problem, the order of samples, the initial weights, the
/// dropout masks and the checkpoints are the CPU's, and the same seed gives the same bits on the
/// same GPU. Standardised features are rounded to fp16 there; parameters, optimiser state and sums
/// are fp32. A run may be continued on the other device: it then ends as near as rounding allows.
class HeadTrainer {
 public:
  virtual ~HeadTrainer() = default;
  /// Throws Error(usage) on a configuration that makes no sense, Error(bad_input) on data that
  /// cannot be learnt from (one class, non-finite features), Error(mismatch) on a foreign
  /// checkpoint.
  virtual TrainOutcome train(const TrainingData& data, const TrainConfig& config,
                             ProgressSink* progress) = 0;
};

/// The trainer for a head's name: opens libcaft_torch for "vgg". Throws Error(usage | unavailable).
std::unique_ptr<HeadTrainer> make_trainer(const std::string& head);

}  // namespace caft
