// AdamW and SGD: epochs of shuffled mini-batches, early stopping, checkpoints.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>
#include <numeric>
#include <optional>
#include <string>

#include "caft/core/error.hpp"
#include "caft/data/dataset.hpp"
#include "head/fused/checkpoint.hpp"
#include "head/fused/fused_trainer.hpp"
#include "head/fused/network.hpp"
#include "head/fused/problem.hpp"
#include "head/fused/random.hpp"

namespace caft::fused {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kHoldOutFolds = 10;
constexpr std::size_t kLeastForHoldOut = 20;
constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;  // PyTorch's defaults

/// The training samples in two: what is learnt from, and what choices are made on.
struct Parts {
  std::vector<std::uint32_t> train, val;
};

Parts split(const TrainingData& data, std::uint64_t seed) {
  Parts parts{{data.train.begin(), data.train.end()}, {data.val.begin(), data.val.end()}};
  if (!parts.val.empty() || parts.train.size() < kLeastForHoldOut) return parts;
  const auto classes = strata(data, data.train);
  const auto folds = stratified_folds(classes, kHoldOutFolds, seed);
  std::vector<bool> stays(data.classes + 1, false);  // has the class a sample outside fold 0?
  for (std::size_t i = 0; i < folds.size(); ++i) {
    if (folds[i] != 0) stays[static_cast<std::size_t>(classes[i])] = true;
  }
  parts.train.clear();
  for (std::size_t i = 0; i < folds.size(); ++i) {
    const bool held_out = folds[i] == 0 && stays[static_cast<std::size_t>(classes[i])];
    (held_out ? parts.val : parts.train).push_back(data.train[i]);
  }
  return parts;
}

double rate_of(const TrainConfig& config, int epoch) {
  if (config.schedule == Schedule::constant) return config.learning_rate;
  const double turn = static_cast<double>(epoch - 1) / config.epochs;
  return config.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * turn));
}

/// The constants of optimiser step `step`, counted from 1.
Update update_of(const TrainConfig& config, double rate, std::uint64_t step) {
  Update update;
  update.adamw = config.optimizer == Optimizer::adamw;
  if (update.adamw) {
    const auto t = static_cast<double>(step);
    update.adamw_step = {
        .decay = static_cast<float>(1 - rate * config.weight_decay),
        .step = static_cast<float>(rate / (1 - std::pow(kBeta1, t))),
        .inv_sqrt_bias2 = static_cast<float>(1 / std::sqrt(1 - std::pow(kBeta2, t))),
        .one_minus_beta1 = static_cast<float>(1 - kBeta1),
        .beta2 = static_cast<float>(kBeta2),
        .epsilon = static_cast<float>(kEpsilon)};
  } else {
    update.sgd_step = {.learning_rate = static_cast<float>(rate),
                       .momentum = static_cast<float>(config.momentum),
                       .weight_decay = static_cast<float>(config.weight_decay)};
  }
  return update;
}

TrainingData with_parts(TrainingData data, const Parts& parts) {
  data.train = parts.train;
  data.val = parts.val;
  return data;
}

/// Of one step: standardising, forward and backward.
double operations(const TrainingData& data, const TrainConfig& config) {
  const std::size_t outputs =
      config.head == "mlp" ? static_cast<std::size_t>(config.hidden) : data.classes;
  return static_cast<double>(config.batch) * static_cast<double>(data.features.dim) *
         static_cast<double>(16 + 4 * outputs);
}

class Run {
 public:
  Run(const TrainingData& data, const TrainConfig& config, ProgressSink* progress)
      : config_(config),
        progress_(progress),
        parts_(split(data, config.seed)),
        data_(with_parts(data, parts_)),
        team_(useful_threads(config.threads, operations(data_, config))),
        features_(data_, team_),
        loss_(data_, config.balanced, config.label_smoothing),
        network_(features_, loss_, shape(), config.seed, team_),
        order_(parts_.train.size()) {
    if (!config.checkpoint.empty()) identity_ = run_identity(data, config);
    if (config.resume && std::filesystem::exists(config.checkpoint)) {
      state_ = load_checkpoint(config.checkpoint, identity_, network_);
      resumed_at_ = static_cast<int>(state_.history.size());
    }
  }

  TrainOutcome run() {
    while (!finished()) {
      const int epoch = static_cast<int>(state_.history.size()) + 1;
      state_.history.push_back(train_epoch(epoch));
      judge(state_.history.back());
      if (!config_.checkpoint.empty()) {
        save_checkpoint(config_.checkpoint, identity_, network_, state_);
      }
      if (progress_ != nullptr) {
        progress_->update("training", static_cast<std::uint64_t>(epoch),
                          static_cast<std::uint64_t>(config_.epochs));
      }
    }
    for (std::size_t l = 0; l < state_.best_weight.size(); ++l) {
      std::ranges::copy(state_.best_weight[l], network_.layers()[l].weight.data());
    }
    return outcome();
  }

 private:
  NetworkShape shape() const {
    const auto batch = std::min(static_cast<std::size_t>(config_.batch), parts_.train.size());
    const bool mlp = config_.head == "mlp";
    return {.classes = data_.classes,
            .hidden = mlp ? static_cast<std::size_t>(config_.hidden) : 0,
            .batch = batch,
            .dropout = mlp ? config_.dropout : 0};
  }

  [[nodiscard]] bool finished() const {
    const int done = static_cast<int>(state_.history.size());
    const bool patient = config_.patience == 0 || state_.best_epoch == 0 ||
                         done - state_.best_epoch < config_.patience;
    return done >= config_.epochs || !patient;
  }

  EpochRecord train_epoch(int epoch) {
    const auto start = Clock::now();
    std::ranges::copy(parts_.train, order_.begin());
    shuffle(order_, config_.seed, static_cast<std::uint64_t>(epoch));
    const double rate = rate_of(config_, epoch);
    const std::size_t batch = shape().batch;
    const std::uint64_t steps = (order_.size() + batch - 1) / batch;
    const std::uint64_t before = steps * static_cast<std::uint64_t>(epoch - 1);
    Network::Sums total;
    team_.run([&](int thread) {
      for (std::uint64_t s = 0; s < steps; ++s) {
        const std::size_t first = s * batch;
        const std::span rows(order_.data() + first, std::min(batch, order_.size() - first));
        const std::uint64_t step = before + s + 1;
        network_.step(rows, update_of(config_, rate, step), config_.seed ^ (step << 20), thread,
                      total);
      }
    });
    EpochRecord record;
    record.epoch = epoch;
    record.learning_rate = rate;
    record.train_loss = total.weight > 0 ? total.loss / total.weight : 0;
    record.milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    if (!std::isfinite(record.train_loss)) {
      throw Error(
          ErrorKind::usage,
          "training diverged in epoch " + std::to_string(epoch) + ": the loss is not finite",
          "lower the learning rate, now " + std::to_string(config_.learning_rate));
    }
    return record;
  }

  /// Validation loss of an epoch, and whether it is the best so far.
  void judge(EpochRecord& record) {
    if (parts_.val.empty()) return;
    const Score judged = score(data_, parts_.val, network_.logits(parts_.val));
    record.val_loss = judged.loss;
    record.val_accuracy = judged.accuracy;
    if (state_.best_epoch != 0 && !(judged.loss < state_.best_loss)) return;
    state_.best_epoch = record.epoch;
    state_.best_loss = judged.loss;
    if (config_.patience == 0) return;
    state_.best_weight.clear();
    for (const TrainedLayer& layer : network_.layers()) {
      const auto weight = layer.weight.span();
      state_.best_weight.emplace_back(weight.begin(), weight.end());
    }
  }

  TrainOutcome outcome() {
    TrainOutcome result;
    result.head = network_.head();
    result.scored = parts_.val;
    if (!parts_.val.empty()) result.scored_logits = network_.logits(parts_.val);
    std::vector<double> times;
    for (const EpochRecord& record : state_.history) times.push_back(record.milliseconds);
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::ranges::nth_element(times, middle);
    result.epoch_ms = *middle;
    result.details = {{"optimizer", config_.optimizer == Optimizer::adamw ? "adamw" : "sgd"},
                      {"threads", team_.size()},
                      {"trained_on", parts_.train.size()},
                      {"best_epoch", state_.best_epoch}};
    if (resumed_at_) result.details["resumed_after_epoch"] = *resumed_at_;
    result.history = std::move(state_.history);
    return result;
  }

  const TrainConfig& config_;
  ProgressSink* progress_;
  Parts parts_;
  TrainingData data_;
  ThreadTeam team_;
  StandardizedFeatures features_;
  Loss loss_;
  Network network_;
  std::vector<std::uint32_t> order_;
  nlohmann::json identity_;
  TrainingState state_;
  std::optional<int> resumed_at_;
};

}  // namespace

TrainOutcome train_by_minibatches(const TrainingData& data, const TrainConfig& config,
                                  ProgressSink* progress) {
  return Run(data, config, progress).run();
}

}  // namespace caft::fused
