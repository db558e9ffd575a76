#include <cmath>
#include <limits>

#include "caft/torch/train.hpp"
#include "head_torch/expect_error.hpp"
#include "head_torch/toy_data.hpp"

namespace caft {
namespace {

using testing::expect_error;
using testing::toy_config;
using testing::ToyData;

/// A user's module, with buffers of its own: batch normalisation and a residual layer.
struct ResidualHeadImpl : torch::nn::Module {
  ResidualHeadImpl(std::int64_t dim, std::int64_t classes)
      : norm(register_module("norm", torch::nn::BatchNorm1d(dim))),
        mix(register_module("mix", torch::nn::Linear(dim, dim))),
        out(register_module("out", torch::nn::Linear(dim, classes))) {}
  torch::Tensor forward(torch::Tensor x) {
    x = norm(x);
    return out(x + torch::relu(mix(x)));
  }
  torch::nn::BatchNorm1d norm;
  torch::nn::Linear mix, out;
};
TORCH_MODULE(ResidualHead);

ResidualHead fresh(const ToyData& toy) {
  torch::manual_seed(2);
  return ResidualHead(static_cast<std::int64_t>(toy.dim), static_cast<std::int64_t>(toy.classes));
}

TEST(TrainModule, LearnsWithAUsersModuleAndPutsTheGeneratorBack) {
  const ToyData toy(401, 12, 4, DType::f16);  // 321 to train: the last batch would hold one sample
  ResidualHead module = fresh(toy);
  module->eval();
  torch::manual_seed(99);
  const torch::Tensor expected = torch::rand({4});
  torch::manual_seed(99);
  const ModuleOutcome outcome = train_module(module, toy.view(), toy_config());
  EXPECT_TRUE(torch::equal(torch::rand({4}), expected)) << "the caller's random numbers moved";
  EXPECT_FALSE(module->is_training());
  ASSERT_EQ(outcome.history.size(), 8U);
  EXPECT_GT(outcome.history.back().val_accuracy, 0.95);
  EXPECT_LT(outcome.history.back().train_loss, outcome.history.front().train_loss / 2);
  EXPECT_EQ(outcome.scored, toy.val);
  EXPECT_EQ(outcome.scored_logits.size(), toy.val.size() * toy.classes);
  EXPECT_GT(outcome.epoch_ms, 0);
  EXPECT_DOUBLE_EQ(outcome.history.front().learning_rate, toy_config().learning_rate);
  EXPECT_LT(outcome.history.back().learning_rate, toy_config().learning_rate / 5);
}

TEST(TrainModule, AConstantScheduleStaysConstantAndSgdLearnsToo) {
  const ToyData toy(300, 12, 3);
  ResidualHead module = fresh(toy);
  TrainConfig config = toy_config();
  config.schedule = Schedule::constant;
  config.optimizer = Optimizer::sgd;
  config.learning_rate = 0.05;
  const ModuleOutcome outcome = train_module(module, toy.view(), config);
  EXPECT_DOUBLE_EQ(outcome.history.back().learning_rate, 0.05);
  EXPECT_GT(outcome.history.back().val_accuracy, 0.95);
}

TEST(TrainModule, MultiLabelDataIsLearnt) {
  ToyData toy(400, 12, 5);
  toy.make_multi_label();
  ResidualHead module = fresh(toy);
  TrainConfig config = toy_config();
  config.balanced = true;
  config.label_smoothing = 0.02;
  config.epochs = 40;  // bits of a class are no linear function of its features
  const ModuleOutcome outcome = train_module(module, toy.view(), config);
  EXPECT_GT(outcome.history.back().val_accuracy, 0.95);
  EXPECT_GT(outcome.temperature, 0);
}

/// Training accuracy on one class of a model that cannot tell the classes apart.
double rare_class_logit(bool balanced) {
  ToyData toy(400, 4, 2);
  for (float& value : toy.rows32) value = 1;
  for (std::size_t i = 0; i < toy.labels.size(); ++i) toy.labels[i] = i % 10 == 0 ? 1 : 0;
  torch::manual_seed(4);
  torch::nn::Sequential module(torch::nn::Linear(4, 2));
  TrainConfig config = toy_config();
  config.balanced = balanced;
  config.learning_rate = 0.05;
  config.epochs = 40;
  config.weight_decay = 0;
  train_module(module, toy.view(), config);
  module->eval();
  const torch::Tensor logits = module->forward(torch::ones({1, 4}));
  return (logits[0][1] - logits[0][0]).item<double>();
}

TEST(TrainModule, BalancedClassesWeighTheSame) {
  // Nothing to learn but the prior: its log odds are ln(1/9), and 0 when balanced.
  EXPECT_NEAR(rare_class_logit(false), std::log(1.0 / 9), 0.2);
  EXPECT_NEAR(rare_class_logit(true), 0, 0.2);
}

TEST(TrainModule, LabelSmoothingKeepsLogitsSmall) {
  const ToyData toy(300, 12, 3);
  const auto spread = [&](double smoothing) {
    ResidualHead module = fresh(toy);
    TrainConfig config = toy_config();
    config.epochs = 20;
    config.label_smoothing = smoothing;
    const ModuleOutcome outcome = train_module(module, toy.view(), config);
    double sum = 0;
    for (const float value : outcome.scored_logits) sum += std::abs(value);
    return sum / static_cast<double>(outcome.scored_logits.size());
  };
  EXPECT_LT(spread(0.2), 0.8 * spread(0));
}

TEST(TrainModule, EarlyStoppingRestoresTheBestEpoch) {
  const ToyData toy(120, 12, 4, DType::f32, 2.5F);  // noisy: it overfits
  ResidualHead module = fresh(toy);
  TrainConfig config = toy_config();
  config.epochs = 200;
  config.patience = 4;
  config.learning_rate = 0.02;
  config.schedule = Schedule::constant;
  const ModuleOutcome outcome = train_module(module, toy.view(), config);
  ASSERT_LT(outcome.history.size(), 200U);
  EXPECT_EQ(outcome.best_epoch, static_cast<int>(outcome.history.size()) - 4);
  const Metrics metrics = [&] {
    std::vector<float> probabilities = outcome.scored_logits;
    softmax_rows(probabilities, toy.classes);
    std::vector<std::int32_t> truth;
    for (const std::uint32_t sample : toy.val) truth.push_back(toy.labels[sample]);
    return evaluate(probabilities, truth, toy.classes);
  }();
  const EpochRecord& best = outcome.history[static_cast<std::size_t>(outcome.best_epoch) - 1];
  EXPECT_NEAR(metrics.loss, best.val_loss, 1e-5);
  for (const EpochRecord& record : outcome.history) EXPECT_GE(record.val_loss, best.val_loss);
}

TEST(TrainModule, WithoutValidationSamplesATenthIsHeldOut) {
  const ToyData toy(250, 12, 4);
  ResidualHead module = fresh(toy);
  TrainingData data = toy.view();
  data.val = {};
  TrainConfig config = toy_config();
  config.epochs = 30;  // of few steps each
  const ModuleOutcome outcome = train_module(module, data, config);
  EXPECT_EQ(outcome.scored.size(), 20U);  // of 200
  std::vector<int> of_class(4, 0);
  for (const std::uint32_t sample : outcome.scored) {
    EXPECT_LT(sample, 200U);
    ++of_class[static_cast<std::size_t>(toy.labels[sample])];
  }
  EXPECT_EQ(of_class, (std::vector<int>{5, 5, 5, 5}));
  EXPECT_GT(outcome.history.back().val_accuracy, 0.9);
}

TEST(TrainModule, WhatCannotBeTrainedIsRefused) {
  const ToyData toy(60, 6, 3);
  ResidualHead module = fresh(toy);
  const auto refuse = [&](ErrorKind kind, const std::string& text, const TrainConfig& config,
                          const TrainingData& data) {
    expect_error(kind, text, [&] { train_module(module, data, config); });
  };
  const TrainConfig good = toy_config();
  TrainConfig config = good;
  config.optimizer = Optimizer::lbfgs;
  refuse(ErrorKind::usage, "use adamw or sgd", config, toy.view());
  config = good;
  config.learning_rate = std::numeric_limits<double>::quiet_NaN();
  refuse(ErrorKind::usage, "learning rate", config, toy.view());
  config = good;
  config.resume = true;
  refuse(ErrorKind::usage, "resume needs a checkpoint", config, toy.view());
  config = good;
  config.patience = 2;
  TrainingData data = toy.view();
  data.val = {};
  data.train = data.train.first(19);
  refuse(ErrorKind::usage, "too few samples to stop early", config, data);

  ToyData wrong = toy;
  wrong.labels[3] = 3;
  refuse(ErrorKind::usage, "label 3 of sample 3 is not one of 3 classes", good, wrong.view());
  wrong = toy;
  wrong.row_of[0] = 62;
  refuse(ErrorKind::usage, "row 62 lies beyond", good, wrong.view());
  wrong = toy;
  wrong.train[0] = 60;
  refuse(ErrorKind::usage, "sample 60 does not exist", good, wrong.view());
  wrong = toy;
  for (std::int32_t& label : wrong.labels) label = 1;
  refuse(ErrorKind::bad_input, "are of one class", good, wrong.view());
  wrong = toy;
  wrong.rows32[wrong.row_of[7] * wrong.dim + 2] = std::numeric_limits<float>::infinity();
  refuse(ErrorKind::bad_input, "sample 7 has a feature", good, wrong.view());

  torch::nn::Sequential narrow(torch::nn::Linear(5, 3));
  expect_error(ErrorKind::usage, "cannot train", [&] { train_module(narrow, toy.view(), good); });
  torch::nn::Sequential few(torch::nn::Linear(6, 2));
  expect_error(ErrorKind::usage, "of 3 classes", [&] { train_module(few, toy.view(), good); });
  config = good;
  config.learning_rate = 1e30;
  refuse(ErrorKind::bad_input, "lower the learning rate", config, toy.view());
}

}  // namespace
}  // namespace caft
