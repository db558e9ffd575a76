// The linear head by L-BFGS: choice of lambda, out-of-fold logits, plans.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "blobs.hpp"
#include "head/fused/lambda_plan.hpp"
#include "head/fused/problem.hpp"

namespace caft {
namespace {

TrainOutcome fit(const test::Blobs& blobs, const TrainConfig& config = {}) {
  return make_trainer("linear")->train(blobs.data(), config, nullptr);
}

TEST(LinearLbfgs, LearnsAndReportsAPathWhoseBestItTook) {
  test::Blobs blobs({.samples = 400, .dim = 30, .classes = 4, .spread = 0.4});
  const TrainOutcome outcome = fit(blobs);
  EXPECT_TRUE(outcome.details["converged"]);
  EXPECT_EQ(outcome.details["chosen_on"], "cross-validation");
  double least = 1e9, lambda = 0;
  for (const auto& step : outcome.details["path"]) {
    if (step["loss"] < least) {
      least = step["loss"];
      lambda = step["lambda"];
    }
  }
  EXPECT_EQ(outcome.details["lambda"], lambda);
  EXPECT_EQ(outcome.scored, blobs.train);
  const auto judged = fused::score(blobs.data(), outcome.scored, outcome.scored_logits);
  EXPECT_NEAR(judged.loss, least, 1e-9);
  EXPECT_GT(judged.accuracy, 0.75);
  EXPECT_GT(blobs.accuracy(outcome.head, blobs.train), judged.accuracy - 0.02);
  EXPECT_FALSE(outcome.history.empty());
  EXPECT_LT(outcome.history.back().train_loss, outcome.history.front().train_loss);
  EXPECT_NEAR(outcome.temperature, 1, 0.5);
}

// Labels are coin tosses and features outnumber samples: what has seen a sample knows its label,
// what has not can only guess.
TEST(LinearLbfgs, OutOfFoldLogitsHaveNotSeenTheirSample) {
  test::Blobs blobs({.samples = 120, .dim = 200, .classes = 2, .spread = 0});
  TrainConfig config;
  config.l2 = {1e-3};
  const TrainOutcome outcome = fit(blobs, config);
  EXPECT_EQ(blobs.accuracy(outcome.head, blobs.train), 1);
  const auto judged = fused::score(blobs.data(), outcome.scored, outcome.scored_logits);
  EXPECT_GT(judged.accuracy, 0.3);
  EXPECT_LT(judged.accuracy, 0.7);
  EXPECT_GT(outcome.temperature, 2);  // confident guesses: calibration must cool them
}

TEST(LinearLbfgs, ThreadsAndDtypeOfStorageDoNotMatter) {
  test::Blobs blobs({.samples = 300, .dim = 70, .classes = 3, .spread = 0.2});
  TrainConfig config;
  config.threads = 1;
  const TrainOutcome one = fit(blobs, config);
  config.threads = 3;
  const TrainOutcome three = fit(blobs, config);
  EXPECT_EQ(one.head.layers[0].weight, three.head.layers[0].weight);
  EXPECT_EQ(one.head.layers[0].bias, three.head.layers[0].bias);
  EXPECT_EQ(one.scored_logits, three.scored_logits);
  blobs.o.dtype = DType::f16;
  const TrainOutcome half = fit(blobs, config);
  EXPECT_EQ(half.details["lambda"], one.details["lambda"]);
  for (std::size_t i = 0; i < half.scored_logits.size(); ++i) {
    EXPECT_NEAR(half.scored_logits[i], one.scored_logits[i], 0.02);
  }
}

TEST(LinearLbfgs, ChoosesOnTheValidationSplitWhereThereIsOne) {
  test::Blobs blobs({.samples = 300, .dim = 40, .classes = 3, .spread = 0.25});
  blobs.hold_out(60);
  const TrainOutcome outcome = fit(blobs);
  EXPECT_EQ(outcome.details["chosen_on"], "validation split");
  EXPECT_EQ(outcome.scored, blobs.val);
  // The logits are those of a head fitted to all training samples: the final one, up to tolerance.
  const auto logits = outcome.head.logits(blobs.features_of(blobs.val), blobs.val.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    EXPECT_NEAR(outcome.scored_logits[i], logits[i], 0.02);
  }
}

TEST(LinearLbfgs, HoldsOutAFifthWhereCrossValidationCostsTooMuch) {
  test::Blobs blobs({.samples = 300, .dim = 40, .classes = 3, .spread = 0.25});
  const TrainingData data = blobs.data();
  const TrainOutcome outcome = fused::train_by_lbfgs(data, {}, nullptr, {.flops = 1});
  EXPECT_EQ(outcome.details["chosen_on"], "hold-out");
  EXPECT_EQ(outcome.scored.size(), 60U);
  EXPECT_TRUE(outcome.details["converged"]);
  // Warm start or cold: the final fit has one minimum.
  TrainConfig config;
  config.l2 = {outcome.details["lambda"].get<double>()};
  const TrainOutcome cold = fit(blobs, config);
  for (std::size_t i = 0; i < cold.head.layers[0].weight.size(); ++i) {
    EXPECT_NEAR(cold.head.layers[0].weight[i], outcome.head.layers[0].weight[i], 2e-3);
  }
}

TEST(LinearLbfgs, PlansBySize) {
  test::Blobs blobs({.samples = 1000, .dim = 4, .classes = 2});
  const TrainingData data = blobs.data();
  using fused::Judge;
  EXPECT_EQ(fused::make_plan(data, {}, 1296, {}).judge, Judge::cross_validation);
  EXPECT_EQ(fused::make_plan(data, {}, 1296, {.bytes = 1 << 20}).judge, Judge::hold_out);
  EXPECT_EQ(fused::make_plan(data, {}, 1'000'000'000, {}).judge, Judge::hold_out);
  EXPECT_EQ(fused::make_plan(data, {}, 1296, {.flops = 1}).folds, 5);
  // The logits of 1,000 samples are 8,000 bytes; a tenth of them may be held.
  const fused::LambdaPlan small = fused::make_plan(data, {}, 1296, {.flops = 1, .logits = 800});
  EXPECT_EQ(small.folds, 11);
  EXPECT_LE(std::ranges::count(small.fold_of, 0), 100);
  EXPECT_EQ(fused::history_for(1296, 2, 5, {}), 10U);
  EXPECT_EQ(fused::history_for(1296, 1000, 1, {.bytes = 1 << 20}), 3U);
}

TEST(LinearLbfgs, TrainsOnAHandfulOfSamples) {
  for (const std::size_t samples : {2, 3, 5, 8}) {
    test::Blobs blobs({.samples = samples, .dim = 6, .classes = 2, .spread = 3});
    for (std::size_t i = 0; i < samples; ++i) blobs.labels[i] = static_cast<std::int32_t>(i % 2);
    const TrainOutcome outcome = fit(blobs);
    EXPECT_EQ(outcome.head.classes(), 2U);
    EXPECT_EQ(outcome.scored.size(), samples < 4 ? 0 : samples);
    EXPECT_TRUE(std::isfinite(outcome.temperature));
  }
}

TEST(LinearLbfgs, FitsEachLabelOfAMultiLabelSet) {
  test::Blobs blobs({.samples = 400, .dim = 30, .classes = 4, .spread = 1, .multi_label = true});
  const TrainOutcome outcome = fit(blobs);
  auto p = outcome.scored_logits;
  sigmoid_all(p, outcome.temperature);
  std::vector<std::uint8_t> targets;
  for (const std::uint32_t i : outcome.scored) {
    for (std::size_t c = 0; c < 4; ++c) targets.push_back(blobs.multi_hot[i * 4 + c]);
  }
  const Metrics metrics = evaluate_multi_label(p, targets, 4);
  EXPECT_GT(metrics.roc_auc.value(), 0.95);
  EXPECT_GT(metrics.macro_f1, 0.85);
}

TEST(LinearLbfgs, WalksAGivenPathToItsEnd) {
  test::Blobs blobs({.samples = 100, .dim = 10, .classes = 2});
  TrainConfig config;
  config.l2 = {1e-6, 1, 1e-3, 1e-5, 1e-4};
  const TrainOutcome outcome = fit(blobs, config);
  std::vector<double> walked;
  for (const auto& step : outcome.details["path"]) walked.push_back(step["lambda"]);
  EXPECT_THAT(walked, testing::ElementsAre(1, 1e-3, 1e-4, 1e-5, 1e-6));
}

}  // namespace
}  // namespace caft
