#include "head/fused/loss.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "blobs.hpp"

namespace caft::fused {
namespace {

// The gradient against central differences of the loss, with every option on.
void check_gradient(const test::Blobs& blobs, double smoothing) {
  const TrainingData data = blobs.data();
  const Loss loss(data, true, smoothing);
  const std::size_t classes = data.classes;
  for (std::uint32_t sample = 0; sample < 5; ++sample) {
    std::vector<float> logits(classes);
    for (std::size_t c = 0; c < classes; ++c) {
      logits[c] = std::sin(static_cast<float>(3 * c + sample)) * 2;
    }
    auto gradient = logits;
    (void)loss.backward(sample, gradient.data(), 0.5F);
    for (std::size_t c = 0; c < classes; ++c) {
      const auto at = [&](float step) {
        auto moved = logits;
        moved[c] += step;
        return loss.backward(sample, moved.data(), 1);
      };
      EXPECT_NEAR(gradient[c], 0.5 * (at(0.01F) - at(-0.01F)) / 0.02, 2e-4);
    }
  }
}

TEST(Loss, GradientIsTheDerivative) {
  check_gradient(test::Blobs({.samples = 40, .classes = 4}), 0);
  check_gradient(test::Blobs({.samples = 40, .classes = 4}), 0.2);
  check_gradient(test::Blobs({.samples = 40, .classes = 3, .multi_label = true}), 0.1);
}

TEST(Loss, BalancedWeightsAreScikitLearns) {
  test::Blobs blobs({.samples = 12, .classes = 4});
  blobs.labels = {0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2};  // class 3 has no sample
  const TrainingData data = blobs.data();
  const Loss loss(data, true, 0);
  EXPECT_FLOAT_EQ(static_cast<float>(loss.weight(0)), 12.0F / (3 * 6));
  EXPECT_FLOAT_EQ(static_cast<float>(loss.weight(6)), 12.0F / (3 * 3));
  std::vector<float> logits(4, 0);
  EXPECT_NEAR(loss.backward(6, logits.data(), 1), 12.0 / 9 * std::log(4.0), 1e-5);
}

}  // namespace
}  // namespace caft::fused
