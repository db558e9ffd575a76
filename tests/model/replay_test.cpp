#include "caft/model/replay.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "caft/core/error.hpp"

namespace caft {
namespace {

TEST(Replay, CountsWhatWasNotClose) {
  const std::vector<float> reference{0.9F, 0.1F, 0.505F, 0.495F, 0.2F, 0.8F};
  const std::vector<float> replayed{0.8F, 0.2F, 0.4F, 0.6F, 0.6F, 0.4F};
  const ReplayResult result = compare_replay(reference, replayed, 2, false);
  EXPECT_EQ(result.decisions, 3U);
  EXPECT_EQ(result.counted, 2U);   // the second is close
  EXPECT_EQ(result.agreeing, 1U);  // the third changed its class
  EXPECT_NEAR(result.max_difference, 0.4, 1e-6);
  EXPECT_DOUBLE_EQ(result.agreement(), 0.5);
}

TEST(Replay, MultiLabelDecidesEachLabel) {
  const std::vector<float> reference{0.9F, 0.1F, 0.502F, 0.7F};
  const std::vector<float> replayed{0.6F, 0.4F, 0.498F, 0.3F};
  const ReplayResult result = compare_replay(reference, replayed, 2, true);
  EXPECT_EQ(result.decisions, 4U);
  EXPECT_EQ(result.counted, 3U);
  EXPECT_EQ(result.agreeing, 2U);
}

TEST(Replay, NanAgreesWithNothing) {
  const std::vector<float> reference{0.9F, 0.1F};
  const std::vector<float> replayed{0.9F, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_EQ(compare_replay(reference, replayed, 2, false).agreeing, 0U);
}

TEST(Replay, NeedsAsManyRows) {
  const std::vector<float> two{0.9F, 0.1F}, four{0.9F, 0.1F, 0.5F, 0.5F};
  EXPECT_THROW(compare_replay(two, four, 2, false), Error);
}

TEST(Replay, ThresholdsFallWithPrecision) {
  EXPECT_DOUBLE_EQ(replay_threshold(Precision::fp32), 0.999);
  EXPECT_DOUBLE_EQ(replay_threshold(Precision::fp16), 0.995);
  EXPECT_LT(replay_threshold(Precision::bf16), 0.995);
}

}  // namespace
}  // namespace caft
