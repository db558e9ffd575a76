#include "caft/model/conformal.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "caft/core/error.hpp"
#include "caft/head/metrics.hpp"
#include "caft/lab/statistics.hpp"

namespace caft {
namespace {

struct Sampled {
  std::vector<float> logits;
  std::vector<std::int32_t> labels;
};

/// Labels drawn as the logits' softmax at temperature 2 says: at 1 they are overconfident.
Sampled sample(std::size_t count, std::size_t classes, std::mt19937& random) {
  std::normal_distribution<float> normal(0, 4);
  Sampled drawn;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<float> p(classes);
    for (float& z : p) z = normal(random);
    drawn.logits.insert(drawn.logits.end(), p.begin(), p.end());
    softmax_rows(p, classes, 2);
    std::discrete_distribution<std::int32_t> label(p.begin(), p.end());
    drawn.labels.push_back(label(random));
  }
  return drawn;
}

// Whatever the temperature, sets keep what they promise.
TEST(ConformalScores, SetsCoverWhatWasAskedOverTwentySplits) {
  constexpr std::size_t kClasses = 6;
  std::mt19937 random(4);
  for (const double temperature : {1.0, 2.0}) {
    for (const double asked : {0.8, 0.9, 0.95}) {
      double covered = 0;
      std::size_t count = 0;
      for (int split = 0; split < 20; ++split) {
        const Sampled known = sample(600, kClasses, random), fresh = sample(600, kClasses, random);
        const ConformalScores calibration(known.logits, known.labels, kClasses, temperature);
        const double least = calibration.least_probability(asked);
        std::vector<float> p = fresh.logits;
        softmax_rows(p, kClasses, temperature);
        for (std::size_t i = 0; i < fresh.labels.size(); ++i, ++count) {
          const auto set = prediction_set(std::span(p).subspan(i * kClasses, kClasses), least);
          covered += std::ranges::find(set, fresh.labels[i]) != set.end() ? 1 : 0;
        }
      }
      EXPECT_NEAR(covered / static_cast<double>(count), asked, 0.02) << temperature;
    }
  }
}

TEST(ConformalScores, QuantileIsTheFiniteSampleOne) {
  // Ten samples whose truth has probability 0.05, 0.15 ... 0.95.
  std::vector<float> logits;
  const std::vector<std::int32_t> labels(10, 0);
  for (int i = 0; i < 10; ++i) {
    const double p = 0.05 + 0.1 * i;
    logits.insert(logits.end(), {static_cast<float>(std::log(p / (1 - p))), 0});
  }
  const ConformalScores calibration(logits, labels, 2, 1);
  // ceil(11 * 0.8) = 9: the ninth smallest of 1 - p is 0.85.
  EXPECT_NEAR(calibration.least_probability(0.8), 0.15, 1e-6);
  EXPECT_NEAR(calibration.least_probability(0.9), 0.05, 1e-6);
  EXPECT_EQ(calibration.least_probability(0.95), 0);  // ten samples cannot promise it
  EXPECT_EQ(calibration.least_energy(0), -std::numeric_limits<double>::infinity());
}

TEST(ConformalScores, ThinnedScoresErrOnTheSafeSide) {
  std::mt19937 random(8);
  const Sampled many = sample(2718, 3, random);
  const ConformalScores thinned(many.logits, many.labels, 3, 2);
  std::vector<float> p = many.logits;
  softmax_rows(p, 3, 2);
  std::vector<double> scores;
  for (std::size_t i = 0; i < many.labels.size(); ++i) {
    scores.push_back(1.0 - p[i * 3 + static_cast<std::size_t>(many.labels[i])]);
  }
  std::ranges::sort(scores);
  for (const double asked : {0.5, 0.9, 0.99}) {
    const auto rank = static_cast<std::size_t>(std::ceil(asked * 2719));
    EXPECT_LE(thinned.least_probability(asked), 1 - scores[rank - 1] + 1e-12);
    EXPECT_GE(thinned.least_probability(asked), 1 - scores[std::min<std::size_t>(rank + 3, 2717)]);
  }
  const ConformalScores again = ConformalScores::from_json(thinned.to_json());
  EXPECT_EQ(again.least_probability(0.9), thinned.least_probability(0.9));
  EXPECT_EQ(again.least_energy(0.05), thinned.least_energy(0.05));
  nlohmann::json damaged = thinned.to_json();
  damaged["energy"][0] = 1e9;
  EXPECT_THROW(ConformalScores::from_json(damaged), Error);
}

TEST(ConformalScores, EnergyTellsTheFamiliarFromTheStrange) {
  std::mt19937 random(2);
  std::vector<double> familiar, strange;
  std::normal_distribution<float> normal;
  for (int i = 0; i < 300; ++i) {
    const std::vector<float> known{6 + normal(random), normal(random)};
    const std::vector<float> unknown{normal(random), normal(random)};
    familiar.push_back(energy_of(known));
    strange.push_back(energy_of(unknown));
  }
  EXPECT_GT(lab::area_under_roc(familiar, strange), 0.95);
  EXPECT_NEAR(energy_of(std::vector<float>{1000, 1000}), 1000 + std::log(2.0), 1e-4);
}

TEST(PredictionSet, HoldsTheMostProbableClassAlways) {
  const std::vector<float> p{0.2F, 0.5F, 0.3F};
  EXPECT_EQ(prediction_set(p, 0.9), (std::vector<std::int32_t>{1}));
  EXPECT_EQ(prediction_set(p, 0.3), (std::vector<std::int32_t>{1, 2}));
  EXPECT_EQ(prediction_set(p, 0), (std::vector<std::int32_t>{1, 2, 0}));
}

}  // namespace
}  // namespace caft
