// AdamW and SGD: learning, reproducibility, early stopping, the internal hold-out.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "blobs.hpp"
#include "caft/core/error.hpp"
#include "caft/core/gpu.hpp"
#include "head/fused/problem.hpp"
#include "head/fused/random.hpp"

namespace caft {
namespace {

TrainConfig config_of(const std::string& head, Optimizer optimizer) {
  TrainConfig config;
  config.head = head;
  config.optimizer = optimizer;
  config.epochs = 15;
  config.batch = 32;
  config.learning_rate = optimizer == Optimizer::adamw ? 5e-3 : 0.05;
  config.hidden = 40;
  return config;
}

TrainOutcome fit(const test::Blobs& blobs, const TrainConfig& config) {
  return make_trainer(config.head)->train(blobs.data(), config, nullptr);
}

TEST(Minibatch, LearnsWithEveryHeadAndOptimiser) {
  test::Blobs blobs({.samples = 500, .dim = 30, .classes = 4});
  blobs.hold_out(100);
  for (const std::string head : {"linear", "mlp"}) {
    for (const Optimizer optimizer : {Optimizer::adamw, Optimizer::sgd}) {
      const TrainOutcome outcome = fit(blobs, config_of(head, optimizer));
      EXPECT_EQ(outcome.head.kind, head);
      EXPECT_EQ(outcome.head.layers.size(), head == "mlp" ? 2U : 1U);
      EXPECT_GT(blobs.accuracy(outcome.head, blobs.val), 0.9) << head;
      EXPECT_LT(outcome.history.back().train_loss, 0.5 * outcome.history.front().train_loss);
      EXPECT_EQ(outcome.scored, blobs.val);
      const auto logits = outcome.head.logits(blobs.features_of(blobs.val), blobs.val.size());
      for (std::size_t i = 0; i < logits.size(); ++i) {
        ASSERT_NEAR(logits[i], outcome.scored_logits[i], 1e-3);
      }
      EXPECT_NEAR(outcome.history.back().val_loss,
                  fused::score(blobs.data(), blobs.val, outcome.scored_logits).loss, 1e-9);
    }
  }
}

TEST(Minibatch, ASeedGivesTheSameBitsOnAnyNumberOfThreads) {
  test::Blobs blobs({.samples = 301, .dim = 70, .classes = 3, .dtype = DType::f16});
  TrainConfig config = config_of("mlp", Optimizer::adamw);
  config.threads = 1;
  const TrainOutcome one = fit(blobs, config);
  config.threads = 4;
  const TrainOutcome four = fit(blobs, config);
  for (std::size_t l = 0; l < 2; ++l) {
    EXPECT_EQ(one.head.layers[l].weight, four.head.layers[l].weight);
    EXPECT_EQ(one.head.layers[l].bias, four.head.layers[l].bias);
  }
  config.seed = 1;
  EXPECT_NE(fit(blobs, config).head.layers[0].weight, four.head.layers[0].weight);
}

TEST(Minibatch, HoldsOutATenthOfEachClass) {
  test::Blobs blobs({.samples = 400, .dim = 10, .classes = 2});
  const TrainOutcome outcome = fit(blobs, config_of("linear", Optimizer::adamw));
  EXPECT_NEAR(static_cast<double>(outcome.scored.size()), 40, 1);
  EXPECT_EQ(outcome.details["trained_on"], 400 - outcome.scored.size());
  std::vector<int> all(2), held(2);
  for (const std::int32_t label : blobs.labels) ++all[static_cast<std::size_t>(label)];
  for (const std::uint32_t i : outcome.scored) ++held[static_cast<std::size_t>(blobs.labels[i])];
  for (std::size_t c = 0; c < 2; ++c) EXPECT_NEAR(held[c], all[c] / 10.0, 1);
  EXPECT_GT(outcome.history.back().val_loss, 0);
}

TEST(Minibatch, AClassOfOneSampleStaysInTraining) {
  test::Blobs blobs({.samples = 40, .dim = 5, .classes = 3});
  for (std::size_t i = 0; i < 40; ++i) blobs.labels[i] = i == 7 ? 2 : static_cast<int>(i % 2);
  TrainConfig config = config_of("linear", Optimizer::adamw);
  config.epochs = 1;
  for (config.seed = 0; config.seed < 20; ++config.seed) {
    const TrainOutcome outcome = fit(blobs, config);
    EXPECT_EQ(std::ranges::count(outcome.scored, 7U), 0);
  }
}

TEST(Minibatch, StopsEarlyAndKeepsTheBestEpoch) {
  // Coin-toss labels: the validation loss soon only rises.
  test::Blobs blobs({.samples = 150, .dim = 100, .classes = 2, .spread = 0});
  blobs.hold_out(50);
  TrainConfig config = config_of("linear", Optimizer::adamw);
  config.epochs = 60;
  config.patience = 4;
  const TrainOutcome outcome = fit(blobs, config);
  ASSERT_LT(outcome.history.size(), 60U);
  const auto best = std::ranges::min_element(outcome.history, {}, &EpochRecord::val_loss);
  EXPECT_EQ(best->epoch + 4, static_cast<int>(outcome.history.size()));
  const auto kept = fused::score(blobs.data(), blobs.val, outcome.scored_logits);
  EXPECT_NEAR(kept.loss, best->val_loss, 1e-9);
  EXPECT_EQ(outcome.details["best_epoch"], best->epoch);
}

TEST(Minibatch, SchedulesTheRateByTheEpoch) {
  const test::Blobs blobs({.samples = 60, .dim = 5, .classes = 2});
  TrainConfig config = config_of("linear", Optimizer::sgd);
  config.epochs = 4;
  const TrainOutcome cosine = fit(blobs, config);
  for (int e = 0; e < 4; ++e) {
    const double expected = 0.05 * 0.5 * (1 + std::cos(std::acos(-1.0) * e / 4));
    EXPECT_NEAR(cosine.history[static_cast<std::size_t>(e)].learning_rate, expected, 1e-12);
  }
  config.schedule = Schedule::constant;
  EXPECT_EQ(fit(blobs, config).history[3].learning_rate, 0.05);
}

TEST(Minibatch, DropoutChangesTrainingButNotPrediction) {
  test::Blobs blobs({.samples = 300, .dim = 30, .classes = 3});
  blobs.hold_out(60);
  TrainConfig config = config_of("mlp", Optimizer::adamw);
  config.dropout = 0;
  const TrainOutcome without = fit(blobs, config);
  config.dropout = 0.5;
  const TrainOutcome with = fit(blobs, config);
  EXPECT_GT(with.history.back().train_loss, without.history.back().train_loss);
  EXPECT_GT(blobs.accuracy(with.head, blobs.val), 0.9);
}

TEST(Minibatch, TrainsMultiLabelHeads) {
  test::Blobs blobs({.samples = 500, .dim = 30, .classes = 4, .spread = 1, .multi_label = true});
  blobs.hold_out(100);
  TrainConfig config = config_of("linear", Optimizer::adamw);
  config.balanced = true;
  const TrainOutcome outcome = fit(blobs, config);
  const auto judged = fused::score(blobs.data(), blobs.val, outcome.scored_logits);
  EXPECT_NEAR(judged.loss, outcome.history.back().val_loss, 1e-9);
  EXPECT_GT(judged.accuracy, 0.5);  // all four labels right; chance is below 0.2
}

TEST(TrainDevice, CudaIsRefusedWhereItCannotBe) {
  const test::Blobs blobs({.samples = 60, .dim = 5, .classes = 2});
  const auto refused = [&](const TrainConfig& config) {
    try {
      (void)fit(blobs, config);
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::interrupted;  // none of those expected
  };
  TrainConfig config = config_of("linear", Optimizer::lbfgs);
  config.device = TrainDevice::cuda;
  EXPECT_EQ(refused(config), ErrorKind::usage);
  config.device = TrainDevice::automatic;
  EXPECT_EQ(fit(blobs, config).details["device"], "cpu");
  if (!gpu_list().gpus.empty()) return;  // tests/gpu has the rest
  config = config_of("mlp", Optimizer::adamw);
  config.device = TrainDevice::cuda;
  EXPECT_EQ(refused(config), ErrorKind::unavailable);
  config.device = TrainDevice::automatic;
  EXPECT_EQ(fit(blobs, config).details["device"], "cpu");
}

TEST(Shuffle, IsAFairPermutationFixedForAllPlatforms) {
  std::vector<std::uint32_t> order(1000);
  std::iota(order.begin(), order.end(), 0U);
  fused::shuffle(order, 0, 1);
  EXPECT_EQ(std::set<std::uint32_t>(order.begin(), order.end()).size(), 1000U);
  double drift = 0;
  for (std::size_t i = 0; i < 1000; ++i) drift += std::abs(order[i] - static_cast<double>(i));
  EXPECT_NEAR(drift / 1000, 1000.0 / 3, 30);
  std::vector<std::uint32_t> small{0, 1, 2, 3, 4, 5, 6, 7};
  fused::shuffle(small, 42, 3);
  EXPECT_EQ(small, (std::vector<std::uint32_t>{1, 0, 4, 5, 2, 7, 3, 6}));
}

}  // namespace
}  // namespace caft
