#include "caft/core/percentiles.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace caft {
namespace {

TEST(Percentiles, OfUnsortedValues) {
  std::vector<double> values(101);
  std::iota(values.rbegin(), values.rend(), 0.0);  // 100 down to 0
  const Percentiles result = percentiles(values);
  EXPECT_DOUBLE_EQ(result.mean, 50);
  EXPECT_DOUBLE_EQ(result.p50, 50);
  EXPECT_DOUBLE_EQ(result.p90, 90);
  EXPECT_DOUBLE_EQ(result.p99, 99);
}

TEST(Percentiles, OfOneAndOfNone) {
  EXPECT_DOUBLE_EQ(percentiles({3}).p99, 3);
  EXPECT_DOUBLE_EQ(percentiles({3}).mean, 3);
  EXPECT_DOUBLE_EQ(percentiles({}).p50, 0);
}

}  // namespace
}  // namespace caft
