#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "caft/core/error.hpp"
#include "caft/head/metrics.hpp"

namespace caft {
namespace {

// Labels are drawn from the logits' own softmax, which is calibrated; the logits are then
// stretched.
TEST(Temperature, FindsTheFactorOfOverconfidence) {
  for (const float stretch : {0.5F, 1.0F, 3.0F}) {
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    std::vector<float> logits;
    std::vector<std::int32_t> labels;
    std::vector<std::uint8_t> targets;
    for (int i = 0; i < 20000; ++i) {
      std::vector<double> weights;
      for (int c = 0; c < 4; ++c) {
        const float z = 2 * normal(random);
        logits.push_back(z * stretch);
        weights.push_back(std::exp(z));
        targets.push_back(std::bernoulli_distribution(1 / (1 + std::exp(-z)))(random) ? 1 : 0);
      }
      labels.push_back(
          std::discrete_distribution<std::int32_t>(weights.begin(), weights.end())(random));
    }
    EXPECT_NEAR(fit_temperature(logits, labels, 4), stretch, 0.04 * stretch);
    EXPECT_NEAR(fit_temperature_multi_label(logits, targets, 4), stretch, 0.04 * stretch);
  }
}

TEST(Temperature, IsTheMinimum) {
  std::mt19937 random(6);
  std::normal_distribution<float> normal;
  std::vector<float> logits(300);
  std::vector<std::int32_t> labels(100);
  for (std::size_t i = 0; i < 100; ++i) {
    labels[i] = static_cast<std::int32_t>(random() % 3);
    for (std::size_t c = 0; c < 3; ++c) logits[i * 3 + c] = normal(random);
    logits[i * 3 + static_cast<std::size_t>(labels[i])] += 1;
  }
  const double best = fit_temperature(logits, labels, 3);
  const auto loss = [&](double temperature) {
    auto p = logits;
    softmax_rows(p, 3, temperature);
    return evaluate(p, labels, 3).loss;
  };
  EXPECT_LT(loss(best), loss(best * 1.02));
  EXPECT_LT(loss(best), loss(best / 1.02));
}

TEST(Temperature, StaysInItsRange) {
  const std::vector<float> logits{9, 0, 0, 9};
  const std::vector<std::int32_t> right{0, 1}, wrong{1, 0};
  EXPECT_NEAR(fit_temperature(logits, right, 2), 0.05, 1e-3);
  EXPECT_NEAR(fit_temperature(logits, wrong, 2), 20, 1e-3);
  EXPECT_NO_THROW((void)fit_temperature(std::vector<float>(4, 0.0F), right, 2));
  EXPECT_THROW((void)fit_temperature(logits, std::vector<std::int32_t>{0, 2}, 2), Error);
  EXPECT_THROW((void)fit_temperature({}, {}, 2), Error);
}

}  // namespace
}  // namespace caft
