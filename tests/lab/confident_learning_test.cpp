#include "caft/lab/confident_learning.hpp"

#include <gtest/gtest.h>

#include <random>

#include "caft/core/error.hpp"
#include "caft/head/metrics.hpp"
#include "lab/python_parity.hpp"

namespace caft::lab {
namespace {

struct Case {
  std::vector<float> probabilities;
  std::vector<std::int32_t> labels;
};

/// Logits that favour a true class; a share of the labels is another one.
Case noisy(std::size_t samples, std::size_t classes, double noise, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Case made;
  for (std::size_t i = 0; i < samples; ++i) {
    // Classes of unlike size.
    const std::size_t truth = std::min(random() % classes, random() % classes);
    for (std::size_t c = 0; c < classes; ++c) {
      made.probabilities.push_back(normal(random) + (c == truth ? 2.5F : 0));
    }
    const bool flip = std::uniform_real_distribution<>(0, 1)(random) < noise;
    made.labels.push_back(static_cast<std::int32_t>(flip ? random() % classes : truth));
  }
  softmax_rows(made.probabilities, classes);
  return made;
}

TEST(ConfidentLearning, IsCleanlabs) {
  for (const std::size_t classes : {2U, 5U, 12U}) {
    const Case made = noisy(800, classes, 0.15, static_cast<unsigned>(classes));
    const LabelErrors errors = confident_learning(made.probabilities, made.labels, classes);
    nlohmann::json overlaps = nlohmann::json::array();
    for (const ClassOverlap& pair : overlapping_classes(errors, made.labels)) {
      overlaps.push_back({pair.first, pair.second, pair.share});
    }
    test::check_in_python("confident_learning", {{"probabilities", made.probabilities},
                                                 {"labels", made.labels},
                                                 {"classes", classes},
                                                 {"thresholds", errors.thresholds},
                                                 {"joint", errors.joint},
                                                 {"quality", errors.quality},
                                                 {"suggested", errors.suggested},
                                                 {"overlaps", overlaps}});
  }
}

TEST(ConfidentLearning, AClassWithoutSamplesIsNeverSuggested) {
  const std::vector<float> probabilities{0.9F, 0.1F, 0, 0, 0, 1};
  const std::vector<std::int32_t> labels{0, 1};
  const LabelErrors errors = confident_learning(probabilities, labels, 3);
  EXPECT_EQ(errors.suggested[1], -1);
  EXPECT_THROW(confident_learning(probabilities, labels, 2), Error);
}

}  // namespace
}  // namespace caft::lab
