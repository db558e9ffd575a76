// Comparing an engine's outputs with a reference's.
#include "engine/agreement.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "engine/expect_error.hpp"

namespace caft::test {
namespace {

constexpr std::size_t kRows = 40, kSize = 33;

/// Rows that share a large part, as features of a frozen backbone do.
std::vector<float> some_rows() {
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  std::vector<float> common(kSize), values(kRows * kSize);
  for (float& value : common) value = 10 * normal(random);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = common[i % kSize] + normal(random);
  return values;
}

TEST(Agreement, EqualOutputsAgreeWholly) {
  const std::vector<float> rows = some_rows();
  for (const Top1 top1 : {Top1::largest, Top1::nearest}) {
    const Agreement same = compare_outputs(rows, rows, kRows, top1, Tolerance{});
    EXPECT_EQ(same.max_abs, 0);
    EXPECT_EQ(same.beyond_tolerance, 0U);
    EXPECT_NEAR(same.cosine_min, 1, 1e-9);
    EXPECT_EQ(same.top1_agreement, 1);
    EXPECT_TRUE(passes(same, default_thresholds(Precision::fp32)));
  }
}

TEST(Agreement, TheCommonPartHidesNothing) {
  const std::vector<float> rows = some_rows();
  std::vector<float> rotated = rows;
  std::rotate(rotated.begin(), rotated.begin() + kSize,
              rotated.end());  // each row is its neighbour
  const Agreement wrong = compare_outputs(rotated, rows, kRows, Top1::nearest);
  EXPECT_LT(wrong.cosine_min, 0.5);  // without centring it would be above 0.98
  EXPECT_EQ(wrong.top1_agreement, 0);
  EXPECT_FALSE(passes(wrong, default_thresholds(Precision::int8)));
}

TEST(Agreement, MeasuresDifferencesAndScale) {
  const std::vector<float> expected = {3, -4, 3, -4};
  const std::vector<float> actual = {3, -4, 3.5F, -4};
  const Agreement gap = compare_outputs(actual, expected, 2, Top1::largest, Tolerance{0.1, 0.1});
  EXPECT_DOUBLE_EQ(gap.max_abs, 0.5);
  EXPECT_DOUBLE_EQ(gap.mean_abs, 0.125);
  EXPECT_DOUBLE_EQ(gap.scale, std::sqrt(12.5));
  EXPECT_EQ(gap.beyond_tolerance, 1U);  // 0.1 + 0.1 * 3 is less than 0.5
  EXPECT_EQ(gap.top1_agreement, 1);
}

TEST(Agreement, CountsWhatIsNotFinite) {
  const std::vector<float> expected = some_rows();
  std::vector<float> actual = expected;
  actual[5] = std::nanf("");
  actual[kSize + 5] = std::numeric_limits<float>::infinity();
  for (const Top1 top1 : {Top1::largest, Top1::nearest}) {
    const Agreement broken = compare_outputs(actual, expected, kRows, top1, Tolerance{1, 1});
    EXPECT_EQ(broken.nan, 1U);
    EXPECT_EQ(broken.inf, 1U);
    EXPECT_EQ(broken.beyond_tolerance, 2U);
    EXPECT_EQ(broken.cosine_min, -1);
    EXPECT_LT(broken.top1_agreement, 1);
    EXPECT_FALSE(passes(broken, {}));
  }
}

TEST(Agreement, TheSameImageTwiceIsNoDisagreement) {
  std::vector<float> rows = some_rows();
  std::copy_n(rows.begin(), kSize, rows.begin() + kSize);
  EXPECT_EQ(compare_outputs(rows, rows, kRows, Top1::nearest).top1_agreement, 1);
}

TEST(Agreement, OneRowIsComparedAsItIs) {
  const std::vector<float> row = {1, 2, 3}, other = {1, 2, -3};
  EXPECT_NEAR(compare_outputs(row, row, 1, Top1::nearest).cosine_min, 1, 1e-12);
  EXPECT_LT(compare_outputs(other, row, 1, Top1::nearest).cosine_min, 0);
}

TEST(Agreement, RefusesOutputsOfAnotherSize) {
  const std::vector<float> rows(12), fewer(11);
  expect_error(ErrorKind::mismatch, "differ in size",
               [&] { (void)compare_outputs(fewer, rows, 3, Top1::nearest); });
}

}  // namespace
}  // namespace caft::test
