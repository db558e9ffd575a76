#include "caft/head/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "caft/core/error.hpp"

namespace caft {
namespace {

using testing::ElementsAre;

TEST(Softmax, IsStableAndTakesATemperature) {
  std::vector<float> logits{1000, 1001, -5, -6};
  softmax_rows(logits, 2, 2.0);
  const double p = 1 / (1 + std::exp(0.5));
  EXPECT_NEAR(logits[0], p, 1e-6);
  EXPECT_NEAR(logits[1], 1 - p, 1e-6);
  EXPECT_NEAR(logits[2], 1 - p, 1e-6);
}

TEST(Sigmoid, IsStable) {
  std::vector<float> logits{-1000, 0, 1000, 2};
  sigmoid_all(logits, 2.0);
  EXPECT_EQ(logits[0], 0);
  EXPECT_EQ(logits[1], 0.5F);
  EXPECT_EQ(logits[2], 1);
  EXPECT_NEAR(logits[3], 1 / (1 + std::exp(-1.0)), 1e-6);
}

TEST(Evaluate, CountsByHand) {
  // Class 2 is never true and never predicted: its F1 is 0 (scikit-learn's zero_division=0).
  const std::vector<float> p{0.7F, 0.2F, 0.1F, 0.6F, 0.3F, 0.1F, 0.1F, 0.8F, 0.1F};
  const Metrics m = evaluate(p, std::vector<std::int32_t>{0, 1, 1}, 3);
  EXPECT_EQ(m.n, 3U);
  EXPECT_DOUBLE_EQ(m.accuracy, 2.0 / 3);
  EXPECT_DOUBLE_EQ(m.top5, 1);
  EXPECT_NEAR(m.loss, -(std::log(0.7) + std::log(0.3) + std::log(0.8)) / 3, 1e-6);
  EXPECT_THAT(m.confusion,
              ElementsAre(ElementsAre(1, 0, 0), ElementsAre(1, 1, 0), ElementsAre(0, 0, 0)));
  EXPECT_DOUBLE_EQ(m.per_class[0].precision, 0.5);
  EXPECT_DOUBLE_EQ(m.per_class[0].recall, 1);
  EXPECT_EQ(m.per_class[1].support, 2U);
  EXPECT_DOUBLE_EQ(m.macro_f1, (2.0 / 3 + 2.0 / 3 + 0) / 3);
  EXPECT_FALSE(m.roc_auc.has_value());
  // Bins of 1/15: 0.6 lies in bin 9 (wrong), 0.7 in bin 10 (right), 0.8 in bin 12 (right).
  EXPECT_NEAR(m.ece, (0.6 + 0.3 + 0.2) / 3, 1e-6);
  EXPECT_EQ(m.reliability.size(), 15U);
  EXPECT_EQ(m.reliability[10].count, 1U);
  EXPECT_DOUBLE_EQ(m.reliability[10].accuracy, 1);
}

TEST(Evaluate, TopFiveRanksTheTruth) {
  const std::vector<float> p{0.05F, 0.1F, 0.15F, 0.2F, 0.22F, 0.28F,
                             0.05F, 0.1F, 0.15F, 0.2F, 0.22F, 0.28F};
  EXPECT_DOUBLE_EQ(evaluate(p, std::vector<std::int32_t>{0, 1}, 6).top5, 0.5);
}

TEST(Evaluate, RocAucCountsTiesAsHalf) {
  const std::vector<float> p{0.5F, 0.5F, 0.5F, 0.5F, 0.9F, 0.1F, 0.2F, 0.8F};
  // Positives score 0.5 and 0.8, negatives 0.5 and 0.1: three pairs won and one tied.
  const Metrics m = evaluate(p, std::vector<std::int32_t>{0, 1, 0, 1}, 2);
  EXPECT_DOUBLE_EQ(m.roc_auc.value(), 3.5 / 4);
  const Metrics one_class = evaluate(p, std::vector<std::int32_t>{1, 1, 1, 1}, 2);
  EXPECT_FALSE(one_class.roc_auc.has_value());
}

TEST(Evaluate, ACertainMistakeCostsAFiniteLoss) {
  const Metrics m = evaluate(std::vector<float>{1, 0}, std::vector<std::int32_t>{1}, 2);
  EXPECT_TRUE(std::isfinite(m.loss));
  EXPECT_GT(m.loss, 15);
  EXPECT_DOUBLE_EQ(m.ece, 1);
}

TEST(EvaluateMultiLabel, CountsByHand) {
  const std::vector<float> p{0.9F, 0.2F, 0.6F, 0.4F};
  const Metrics m = evaluate_multi_label(p, std::vector<std::uint8_t>{1, 0, 0, 1}, 2);
  EXPECT_DOUBLE_EQ(m.accuracy, 0.5);  // the first sample is right in both labels
  EXPECT_NEAR(m.loss, -(std::log(0.9) + std::log(0.8) + 2 * std::log(0.4)) / 4, 1e-6);
  EXPECT_DOUBLE_EQ(m.per_class[0].precision, 0.5);
  EXPECT_DOUBLE_EQ(m.per_class[1].recall, 0);
  EXPECT_DOUBLE_EQ(m.roc_auc.value(), 1);
  EXPECT_TRUE(m.confusion.empty());
  EXPECT_NEAR(m.ece, (0.1 + 0.2 + 0.6 + 0.6) / 4, 1e-6);
}

TEST(Evaluate, RefusesWhatMakesNoSense) {
  const std::vector<float> p{0.5F, 0.5F};
  EXPECT_THROW(evaluate(p, std::vector<std::int32_t>{2}, 2), Error);
  EXPECT_THROW(evaluate(p, std::vector<std::int32_t>{0, 1}, 2), Error);
  EXPECT_THROW(evaluate(std::vector<float>{3, -1}, std::vector<std::int32_t>{0}, 2), Error);
  EXPECT_THROW(evaluate(std::vector<float>{NAN, 1}, std::vector<std::int32_t>{0}, 2), Error);
  EXPECT_THROW(evaluate(p, std::vector<std::int32_t>{}, 0), Error);
}

}  // namespace
}  // namespace caft
