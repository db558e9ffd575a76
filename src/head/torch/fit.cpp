#include "head/torch/fit.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>
#include <random>

#include "caft/core/error.hpp"
#include "head/fused/problem.hpp"
#include "head/torch/checkpoint.hpp"
#include "head/torch/describe.hpp"
#include "head/torch/head_optimizer.hpp"
#include "head/torch/objective.hpp"
#include "head/torch/prepared_data.hpp"
#include "head/torch/sample_source.hpp"
#include "head/torch/torch_session.hpp"

namespace caft {
namespace {

using Clock = std::chrono::steady_clock;
using Samples = std::span<const std::uint32_t>;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// An independent stream of random numbers for each epoch, so that resuming needs no generator's
/// state (SplitMix64's output function, Steele et al. 2014).
std::uint64_t epoch_seed(std::uint64_t seed, int epoch) {
  std::uint64_t z = seed + 0x9e3779b97f4a7c15ULL * (static_cast<std::uint64_t>(epoch) + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

/// A permutation that is the same with every standard library (std::shuffle is not).
std::vector<std::uint32_t> shuffled(Samples samples, std::uint64_t seed) {
  std::vector<std::uint32_t> order(samples.begin(), samples.end());
  std::mt19937_64 random(seed);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

class Run {
 public:
  explicit Run(const FitTask& task)
      : task_(task),
        data_(task.source.data()),
        config_(task.config),
        objective_(task.source, task.config),
        optimizer_(parameters(), task.config) {
    const auto n = static_cast<std::int64_t>(data_.train.size());
    // A last batch of one sample would break batch normalisation: it joins the one before.
    batches_ = std::max<std::int64_t>(
        1, (n + config_.batch - (config_.batch > 1 && n % config_.batch == 1 ? 2 : 1)) /
               config_.batch);
    if (config_.patience > 0) {
      for (const auto& [name, tensor] : weights())
        best_.emplace_back("best." + name, tensor.clone());
    }
  }

  ModuleOutcome train() {
    const auto start = Clock::now();
    const nlohmann::json signature =
        config_.checkpoint.empty() ? nlohmann::json() : run_signature(data_, config_, task_.kind);
    if (config_.resume && std::filesystem::exists(config_.checkpoint)) resume(signature);
    const bool was_training = task_.module.is_training();
    for (int epoch = done() + 1; epoch <= config_.epochs && !stopped(); epoch = done() + 1) {
      run_epoch(epoch);
      if (!config_.checkpoint.empty()) {
        save_checkpoint(config_.checkpoint, signature, state_, tensors());
      }
      if (task_.progress) {
        task_.progress->update("train", static_cast<std::uint64_t>(epoch),
                               static_cast<std::uint64_t>(config_.epochs));
      }
    }
    if (config_.patience > 0) copy(best_, weights());
    ModuleOutcome outcome = score();
    task_.module.train(was_training);
    outcome.seconds = seconds_since(start);
    return outcome;
  }

 private:
  [[nodiscard]] int done() const { return static_cast<int>(state_.history.size()); }
  [[nodiscard]] bool stopped() const {
    return config_.patience > 0 && done() - state_.best_epoch >= config_.patience;
  }

  [[nodiscard]] NamedTensors parameters() const {
    NamedTensors named;
    for (const auto& item : task_.module.named_parameters())
      named.emplace_back(item.key(), item.value());
    return named;
  }
  /// Parameters and buffers, detached, sharing their memory.
  [[nodiscard]] NamedTensors weights() const {
    NamedTensors named;
    for (const auto& [name, tensor] : parameters())
      named.emplace_back("module." + name, tensor.detach());
    for (const auto& item : task_.module.named_buffers()) {
      named.emplace_back("module." + item.key(), item.value().detach());
    }
    return named;
  }
  /// All that a checkpoint holds.
  [[nodiscard]] NamedTensors tensors() const {
    NamedTensors all = weights();
    for (auto& item : optimizer_.state()) all.push_back(std::move(item));
    all.insert(all.end(), best_.begin(), best_.end());
    return all;
  }
  static void copy(const NamedTensors& from, const NamedTensors& to) {
    for (std::size_t i = 0; i < from.size(); ++i) {
      torch::Tensor target = to[i].second;
      target.copy_(from[i].second);
    }
  }

  void resume(const nlohmann::json& signature) {
    state_ = load_checkpoint(config_.checkpoint, signature, tensors());
    if (done() > config_.epochs || state_.best_epoch > done() ||
        state_.optimizer_steps != done() * batches_) {
      throw Error(ErrorKind::mismatch,
                  config_.checkpoint.string() + " does not fit this run's epochs",
                  "train for as many epochs as it has, or without resume");
    }
    optimizer_.set_steps(state_.optimizer_steps);
  }

  [[nodiscard]] torch::Tensor inputs(Samples samples) const {
    torch::Tensor x = task_.source.features(samples);
    // index_select has made a copy, so this does not touch the cache.
    if (task_.scale) x.sub_(task_.scale->mean).mul_(task_.scale->inverse_std);
    return x;
  }

  [[nodiscard]] torch::Tensor logits(Samples samples) const {
    torch::Tensor out = task_.forward(inputs(samples));
    if (out.dim() != 2 || out.size(0) != static_cast<std::int64_t>(samples.size()) ||
        out.size(1) != static_cast<std::int64_t>(data_.classes)) {
      throw Error(ErrorKind::usage, "the module gave logits " + describe(out) + " for " +
                                        std::to_string(samples.size()) + " samples of " +
                                        std::to_string(data_.classes) + " classes");
    }
    return out;
  }

  /// Cosine annealing by epochs (Loshchilov and Hutter 2017, without restarts), or constant.
  [[nodiscard]] double learning_rate(int epoch) const {
    if (config_.schedule == Schedule::constant) return config_.learning_rate;
    const double part = static_cast<double>(epoch - 1) / config_.epochs;
    return config_.learning_rate * (1 + std::cos(std::numbers::pi * part)) / 2;
  }

  void run_epoch(int epoch) {
    const auto start = Clock::now();
    EpochRecord record{.epoch = epoch, .learning_rate = learning_rate(epoch)};
    const std::uint64_t seed = epoch_seed(config_.seed, epoch);
    torch::manual_seed(seed);  // dropout
    const std::vector<std::uint32_t> order = shuffled(data_.train, seed);
    task_.module.train();
    for (std::int64_t batch = 0; batch < batches_; ++batch) {
      const auto from = static_cast<std::size_t>(batch * config_.batch);
      const Samples samples = Samples(order).subspan(
          from,
          batch + 1 == batches_ ? order.size() - from : static_cast<std::size_t>(config_.batch));
      optimizer_.zero_grad();
      const torch::Tensor loss =
          objective_.training_loss(logits(samples), task_.source.targets(samples));
      loss.backward();
      optimizer_.step(record.learning_rate);
      record.train_loss += loss.item<double>() * static_cast<double>(samples.size());
    }
    optimizer_.zero_grad();
    record.train_loss /= static_cast<double>(order.size());
    if (!std::isfinite(record.train_loss)) {
      throw Error(ErrorKind::bad_input,
                  "the loss is no longer finite in epoch " + std::to_string(epoch),
                  "lower the learning rate");
    }
    record.milliseconds = seconds_since(start) * 1000;
    if (!data_.val.empty()) {
      objective_.validate(evaluate(data_.val), task_.source.targets(data_.val), record);
    }
    state_.history.push_back(record);
    state_.optimizer_steps = optimizer_.steps();
    if (config_.patience > 0 && (state_.best_epoch == 0 || record.val_loss < state_.best_loss)) {
      state_.best_epoch = epoch;
      state_.best_loss = record.val_loss;
      copy(weights(), best_);
    }
  }

  /// Logits [samples, classes] in eval mode, no more than a block of features at a time.
  [[nodiscard]] torch::Tensor evaluate(Samples samples) const {
    const torch::NoGradGuard no_grad;
    task_.module.eval();
    const std::size_t block =
        std::max<std::size_t>(static_cast<std::size_t>(config_.batch),
                              (std::size_t{16} << 20) / (data_.features.dim * 4));
    std::vector<torch::Tensor> parts;
    for (std::size_t from = 0; from < samples.size(); from += block) {
      parts.push_back(logits(samples.subspan(from, std::min(block, samples.size() - from))));
    }
    return torch::cat(parts).to(torch::kFloat).contiguous();
  }

  /// The end: logits of `val`, the temperature fitted on them, and what the epochs took.
  [[nodiscard]] ModuleOutcome score() const {
    ModuleOutcome outcome;
    outcome.history = state_.history;
    outcome.best_epoch = config_.patience > 0 ? state_.best_epoch : done();
    std::vector<double> times;
    for (const EpochRecord& record : state_.history) times.push_back(record.milliseconds);
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    outcome.epoch_ms = *middle;
    if (data_.val.empty()) return outcome;
    const torch::Tensor scores = evaluate(data_.val);
    const auto* values = scores.data_ptr<float>();
    outcome.scored.assign(data_.val.begin(), data_.val.end());
    outcome.scored_logits.assign(values, values + scores.numel());
    outcome.temperature = fused::temperature_of(data_, data_.val, outcome.scored_logits);
    return outcome;
  }

  const FitTask& task_;
  const TrainingData& data_;
  const TrainConfig& config_;
  Objective objective_;
  HeadOptimizer optimizer_;
  std::int64_t batches_ = 1;  ///< an epoch
  NamedTensors best_;         ///< a copy of weights(), where early stopping wants it back
  RunState state_;
};

}  // namespace

ModuleOutcome fit(const FitTask& task) {
  try {
    return Run(task).train();
  } catch (const c10::Error& error) {
    throw from_torch("LibTorch cannot train this module", error);
  }
}

ModuleOutcome train_module(torch::nn::Module& module, const ForwardFunction& forward,
                           const TrainingData& data, const TrainConfig& config,
                           ProgressSink* progress) {
  const PreparedData prepared(data, config);
  const TorchSession session(config.threads);
  const SampleSource source(prepared.get());
  source.require_finite();
  return fit({module, forward, source, config, nullptr, "module", progress});
}

}  // namespace caft
