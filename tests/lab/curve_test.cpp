#include "caft/lab/curve.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "caft/core/error.hpp"
#include "head/blobs.hpp"

namespace caft::lab {
namespace {

TEST(PowerLaw, IsFoundAgainInItsOwnPoints) {
  for (const double floor : {0.0, 0.1}) {
    std::vector<double> images, errors;
    for (const double n : {20.0, 40.0, 80.0, 160.0, 320.0, 640.0}) {
      images.push_back(n);
      errors.push_back(1.5 * std::pow(n, -0.6) + floor);
    }
    const PowerLaw law = fit_power_law(images, errors);
    EXPECT_NEAR(law.accuracy(2560), 1 - (1.5 * std::pow(2560, -0.6) + floor), 3e-3) << floor;
    EXPECT_NEAR(law.floor, floor, 0.01);
  }
}

TEST(PowerLaw, NeverRisesAndIsAConstantWithoutThreePoints) {
  const std::vector<double> images{10, 20, 40}, rising{0.1, 0.2, 0.3};
  EXPECT_EQ(fit_power_law(images, rising).decay, 0);
  const PowerLaw two = fit_power_law(std::vector{10.0, 20.0}, std::vector{0.3, 0.1});
  EXPECT_NEAR(two.accuracy(1000), 0.8, 1e-12);
}

TEST(Curve, RisesWithImagesAndSaysWhatMoreWouldBuy) {
  const test::Blobs blobs({.samples = 600, .dim = 60, .classes = 3, .spread = 0.35});
  const Curve curve = learning_curve(blobs.data(), {.per_class = {5, 20, 80, 500}, .repeats = 3});
  ASSERT_EQ(curve.points.size(), 3U);  // no class has 500
  EXPECT_EQ(curve.points[0].images, 15U);
  EXPECT_LT(curve.points[0].spread.mean, curve.points[2].spread.mean);
  ASSERT_EQ(curve.ahead.size(), 2U);
  for (const Extrapolation& e : curve.ahead) {
    EXPECT_LE(e.low, e.accuracy);
    EXPECT_GE(e.high, e.accuracy);
  }
  EXPECT_GE(curve.ahead[1].accuracy, curve.ahead[0].accuracy);
  EXPECT_NE(curve.sentence.find("Twice the labels (480 training images instead of 240)"),
            std::string::npos)
      << curve.sentence;
}

// Extrapolating from a third of the images foretells what all of them give.
TEST(Curve, ForetellsWhatItHasNotSeen) {
  const test::Blobs blobs({.samples = 1500, .dim = 60, .classes = 3, .spread = 0.3});
  const Curve part = learning_curve(blobs.data(), {.per_class = {10, 20, 40, 80, 160}});
  const Curve whole = learning_curve(blobs.data(), {.per_class = {320}});
  EXPECT_NEAR(part.ahead[0].accuracy, whole.points[0].spread.mean, 0.03);
}

TEST(Curve, DefaultSizesDoubleUpToWhatThereIs) {
  const test::Blobs blobs({.samples = 150, .dim = 10, .classes = 2});
  const Curve curve = learning_curve(blobs.data(), {.repeats = 2});
  EXPECT_EQ(curve.points[0].per_class, 5);
  EXPECT_EQ(curve.points[1].per_class, 10);
  EXPECT_EQ(curve.points.back().images, 120U);
  EXPECT_THROW(learning_curve(blobs.data(), {.per_class = {1000}}), Error);
}

}  // namespace
}  // namespace caft::lab
