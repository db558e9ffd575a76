#include "head/fused/features.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "blobs.hpp"
#include "caft/core/error.hpp"

namespace caft::fused {
namespace {

TEST(StandardizedFeatures, HaveMeanZeroAndVarianceOne) {
  for (const DType dtype : {DType::f32, DType::f16}) {
    test::Blobs blobs({.samples = 500, .dim = 37, .dtype = dtype});
    blobs.hold_out(100);
    const TrainingData data = blobs.data();
    ThreadTeam team(3);
    const StandardizedFeatures features(data, team);
    ASSERT_EQ(features.stride() % 16, 0U);
    std::vector<double> sum(37), squares(37);
    std::vector<float> row(features.stride());
    for (const std::uint32_t sample : blobs.train) {
      features.load(sample, row.data());
      for (std::size_t j = 0; j < 37; ++j) {
        sum[j] += row[j];
        squares[j] += static_cast<double>(row[j]) * row[j];
      }
      EXPECT_EQ(row[37], 1);  // the bias's column
      for (std::size_t j = 38; j < features.stride(); ++j) EXPECT_EQ(row[j], 0);
    }
    for (std::size_t j = 0; j < 37; ++j) {
      EXPECT_NEAR(sum[j] / 400, 0, 1e-5);
      EXPECT_NEAR(squares[j] / 400, 1, 1e-5);
    }
  }
}

TEST(StandardizedFeatures, FoldIntoALayerOverRawFeatures) {
  const test::Blobs blobs({.samples = 100, .dim = 21});
  const TrainingData data = blobs.data();
  ThreadTeam team(1);
  const StandardizedFeatures features(data, team);
  std::vector<float> weight(2 * features.stride(), 0);
  for (std::size_t c = 0; c < 2; ++c) {
    for (std::size_t j = 0; j <= 21; ++j) {
      weight[c * features.stride() + j] = std::sin(static_cast<float>(c + 2 * j));
    }
  }
  Head head;
  head.layers = {features.fold(weight, 2)};
  const auto logits = head.logits(blobs.features_of(blobs.train), 100);
  std::vector<float> row(features.stride());
  for (std::uint32_t i = 0; i < 100; ++i) {
    features.load(i, row.data());
    for (std::size_t c = 0; c < 2; ++c) {
      const double expected = kernels().inner(row.data(), &weight[c * row.size()], row.size());
      EXPECT_NEAR(logits[i * 2 + c], expected, 1e-4);
    }
  }
}

TEST(StandardizedFeatures, AConstantFeatureBecomesZero) {
  test::Blobs blobs({.samples = 50, .dim = 5});
  for (std::size_t i = 0; i < 50; ++i) {
    blobs.values[i * 5 + 2] = 1234.5678F;
    blobs.values[i * 5 + 3] *= 1e-13F;  // tiny, but it does vary
  }
  const TrainingData data = blobs.data();
  ThreadTeam team(2);
  const StandardizedFeatures features(data, team);
  std::vector<float> row(features.stride());
  double tiny = 0;
  for (std::uint32_t i = 0; i < 50; ++i) {
    features.load(i, row.data());
    EXPECT_EQ(row[2], 0);
    tiny += static_cast<double>(row[3]) * row[3];
  }
  EXPECT_NEAR(tiny / 50, 1, 1e-3);
}

TEST(StandardizedFeatures, NameTheSampleThatIsNotFinite) {
  for (const float poison :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const std::uint32_t sample : {0U, 40U, 95U}) {  // the first, another, one of validation
      test::Blobs blobs({.samples = 100, .dim = 9});
      blobs.hold_out(10);
      blobs.values[blobs.row_of[sample] * 9 + 8] = poison;
      const TrainingData data = blobs.data();
      ThreadTeam team(2);
      try {
        const StandardizedFeatures features(data, team);
        FAIL() << sample;
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::bad_input);
        EXPECT_THAT(error.what(), testing::HasSubstr("sample " + std::to_string(sample) + " "));
      }
    }
  }
}

}  // namespace
}  // namespace caft::fused
