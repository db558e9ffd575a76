#include "caft/lab/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "lab/python_parity.hpp"

namespace caft::lab {
namespace {

TEST(Statistics, QuantilesAreScipys) {
  nlohmann::json cases = nlohmann::json::array();
  for (const double freedom : {1.0, 2.0, 4.0, 9.0, 24.0, 199.0}) {
    for (const double p : {0.005, 0.025, 0.5, 0.9, 0.975, 0.995}) {
      cases.push_back({p, freedom, student_t_quantile(p, freedom)});
    }
  }
  test::check_in_python("t_quantile", {{"cases", cases}});
}

TEST(Statistics, AreaUnderRocIsScikitLearns) {
  std::mt19937 random(3);
  std::vector<double> positives, negatives;
  for (int i = 0; i < 80; ++i) positives.push_back(static_cast<double>(random() % 20) + 3);
  for (int i = 0; i < 50; ++i) negatives.push_back(static_cast<double>(random() % 20));
  test::check_in_python("auroc", {{"positives", positives},
                                  {"negatives", negatives},
                                  {"area", area_under_roc(positives, negatives)}});
  EXPECT_EQ(area_under_roc({}, negatives), 0.5);
}

TEST(Statistics, FoldsWidenTheInterval) {
  const std::vector<double> values{0.84, 0.86, 0.85, 0.83, 0.87};
  const Spread plain = spread_of(values), folds = spread_of_folds(values, 5);
  EXPECT_NEAR(plain.mean, 0.85, 1e-12);
  EXPECT_NEAR(plain.std, std::sqrt(0.001 / 4), 1e-12);
  // t(0.975, 4) = 2.776445; Nadeau & Bengio: sqrt(1/5 + 1/4) instead of sqrt(1/5).
  EXPECT_NEAR(plain.high - plain.mean, 2.776445 * plain.std * std::sqrt(0.2), 1e-7);
  EXPECT_NEAR(folds.mean - folds.low, 2.776445 * plain.std * std::sqrt(0.45), 1e-7);
  const Spread single = spread_of(std::vector<double>{0.5});
  EXPECT_EQ(single.low, 0.5);
  EXPECT_EQ(single.std, 0);
}

}  // namespace
}  // namespace caft::lab
