// Mini-batch training on the CPU's cores.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "head/fused/minibatch_network.hpp"
#include "head/fused/random.hpp"

namespace caft::fused {
namespace {

constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;  // PyTorch's defaults

/// Of one step: standardising, forward and backward.
double operations(const TrainingData& data, const TrainConfig& config) {
  const std::size_t outputs =
      config.head == "mlp" ? static_cast<std::size_t>(config.hidden) : data.classes;
  return static_cast<double>(config.batch) * static_cast<double>(data.features.dim) *
         static_cast<double>(16 + 4 * outputs);
}

class CpuNetwork final : public MinibatchNetwork {
 public:
  CpuNetwork(const TrainingData& data, const TrainConfig& config)
      : data_(data),
        config_(config),
        shape_(shape_of(data, config)),
        team_(useful_threads(config.threads, operations(data, config))),
        features_(data, team_),
        loss_(data, config.balanced, config.label_smoothing),
        network_(features_, loss_, shape_, config.seed, team_),
        order_(data.train.size()) {}

  Sums train_epoch(int epoch, double rate) override {
    std::ranges::copy(data_.train, order_.begin());
    shuffle(order_, config_.seed, static_cast<std::uint64_t>(epoch));
    const std::size_t batch = shape_.batch;
    const std::uint64_t steps = steps_of(data_, shape_);
    const std::uint64_t before = steps * static_cast<std::uint64_t>(epoch - 1);
    Network::Sums total;
    team_.run([&](int thread) {
      for (std::uint64_t s = 0; s < steps; ++s) {
        const std::size_t first = s * batch;
        const std::span rows(order_.data() + first, std::min(batch, order_.size() - first));
        const std::uint64_t step = before + s + 1;
        network_.step(rows, update_of(config_, rate, step), dropout_key_of(config_.seed, step),
                      thread, total);
      }
    });
    return {total.loss, total.weight};
  }

  Score validate() override { return score(data_, data_.val, validation_logits()); }
  std::vector<float> validation_logits() override { return network_.logits(data_.val); }
  std::vector<TrainedLayer>& layers(bool) override { return network_.layers(); }
  void changed() override {}
  Head head() override { return head_of(network_.layers(), features_); }
  nlohmann::json details() const override {
    return {{"device", "cpu"}, {"instruction_set", kernels().name}, {"threads", team_.size()}};
  }

 private:
  const TrainingData& data_;
  const TrainConfig& config_;
  NetworkShape shape_;
  ThreadTeam team_;
  StandardizedFeatures features_;
  Loss loss_;
  Network network_;
  std::vector<std::uint32_t> order_;
};

}  // namespace

NetworkShape shape_of(const TrainingData& data, const TrainConfig& config) {
  const bool mlp = config.head == "mlp";
  return {.classes = data.classes,
          .hidden = mlp ? static_cast<std::size_t>(config.hidden) : 0,
          .batch = std::min(static_cast<std::size_t>(config.batch), data.train.size()),
          .dropout = mlp ? config.dropout : 0};
}

std::uint64_t steps_of(const TrainingData& data, const NetworkShape& shape) {
  return (data.train.size() + shape.batch - 1) / shape.batch;
}

double rate_of(const TrainConfig& config, int epoch) {
  if (config.schedule == Schedule::constant) return config.learning_rate;
  const double turn = static_cast<double>(epoch - 1) / config.epochs;
  return config.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * turn));
}

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

std::unique_ptr<MinibatchNetwork> make_cpu_network(const TrainingData& data,
                                                   const TrainConfig& config) {
  return std::make_unique<CpuNetwork>(data, config);
}

}  // namespace caft::fused
