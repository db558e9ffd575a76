// AdamW and SGD: epochs of shuffled mini-batches, early stopping, checkpoints.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <string>

#include "caft/core/error.hpp"
#include "head/fused/checkpoint.hpp"
#include "head/fused/fused_trainer.hpp"
#include "head/fused/minibatch_network.hpp"

namespace caft::fused {
namespace {

using Clock = std::chrono::steady_clock;

TrainingData with_parts(TrainingData data, const Parts& parts) {
  data.train = parts.train;
  data.val = parts.val;
  return data;
}

class Run {
 public:
  Run(const TrainingData& data, const TrainConfig& config, const NetworkMaker& make,
      ProgressSink* progress)
      : config_(config),
        progress_(progress),
        parts_(split_parts(data, config.seed)),
        data_(with_parts(data, parts_)),
        network_(make(data_, config)) {
    if (!config.checkpoint.empty()) identity_ = run_identity(data, config);
    if (config.resume && std::filesystem::exists(config.checkpoint)) {
      state_ = load_checkpoint(config.checkpoint, identity_, network_->layers(true));
      network_->changed();
      resumed_at_ = static_cast<int>(state_.history.size());
    }
  }

  TrainOutcome run() {
    while (!finished()) {
      const int epoch = static_cast<int>(state_.history.size()) + 1;
      state_.history.push_back(train_epoch(epoch));
      judge(state_.history.back());
      if (!config_.checkpoint.empty()) {
        save_checkpoint(config_.checkpoint, identity_, network_->layers(true), state_);
      }
      if (progress_ != nullptr) {
        progress_->update("training", static_cast<std::uint64_t>(epoch),
                          static_cast<std::uint64_t>(config_.epochs));
      }
    }
    restore_best();
    return outcome();
  }

 private:
  void restore_best() {
    if (state_.best_weight.empty()) return;
    std::vector<TrainedLayer>& layers = network_->layers(true);
    for (std::size_t l = 0; l < layers.size(); ++l) {
      std::ranges::copy(state_.best_weight[l], layers[l].weight.data());
    }
    network_->changed();
  }

  [[nodiscard]] bool finished() const {
    const int done = static_cast<int>(state_.history.size());
    const bool patient = config_.patience == 0 || state_.best_epoch == 0 ||
                         done - state_.best_epoch < config_.patience;
    return done >= config_.epochs || !patient;
  }

  EpochRecord train_epoch(int epoch) {
    const auto start = Clock::now();
    const double rate = rate_of(config_, epoch);
    const MinibatchNetwork::Sums total = network_->train_epoch(epoch, rate);
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
    const Score judged = network_->validate();
    record.val_loss = judged.loss;
    record.val_accuracy = judged.accuracy;
    if (state_.best_epoch != 0 && !(judged.loss < state_.best_loss)) return;
    state_.best_epoch = record.epoch;
    state_.best_loss = judged.loss;
    if (config_.patience == 0) return;
    state_.best_weight.clear();
    for (const TrainedLayer& layer : network_->layers(false)) {
      const auto weight = layer.weight.span();
      state_.best_weight.emplace_back(weight.begin(), weight.end());
    }
  }

  TrainOutcome outcome() {
    TrainOutcome result;
    result.head = network_->head();
    result.scored = parts_.val;
    if (!parts_.val.empty()) result.scored_logits = network_->validation_logits();
    std::vector<double> times;
    times.reserve(state_.history.size());
    for (const EpochRecord& record : state_.history) times.push_back(record.milliseconds);
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::ranges::nth_element(times, middle);
    result.epoch_ms = *middle;
    result.details = network_->details();
    result.details["optimizer"] = to_string(config_.optimizer);
    result.details["trained_on"] = parts_.train.size();
    result.details["best_epoch"] = state_.best_epoch;
    if (resumed_at_) result.details["resumed_after_epoch"] = *resumed_at_;
    result.history = std::move(state_.history);
    return result;
  }

  const TrainConfig& config_;
  ProgressSink* progress_;
  Parts parts_;
  TrainingData data_;
  std::unique_ptr<MinibatchNetwork> network_;
  nlohmann::json identity_;
  TrainingState state_;
  std::optional<int> resumed_at_;
};

}  // namespace

TrainOutcome train_by_minibatches(const TrainingData& data, const TrainConfig& config,
                                  const NetworkMaker& make, ProgressSink* progress) {
  return Run(data, config, make, progress).run();
}

}  // namespace caft::fused
