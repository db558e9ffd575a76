// Which samples are scored: never silently those that were trained on.
#include "caft/model/evaluate.hpp"

#include <gtest/gtest.h>

#include "caft/core/error.hpp"
#include "caft/model/fit.hpp"

namespace caft {
namespace {

Dataset unsplit(std::size_t n) {
  Dataset dataset{.name = "d", .classes = {"a", "b"}};
  for (std::size_t i = 0; i < n; ++i) {
    dataset.samples.push_back(
        {.source = {.file = std::to_string(i)}, .labels = {static_cast<std::int32_t>(i % 2)}});
  }
  return dataset;
}

Model trained_on(const std::string& path, std::size_t n) {
  Dataset dataset = unsplit(n);
  Model model;
  model.data = {{"path", path},
                {"samples", n},
                {"split", apply_hold_out(dataset, {.fraction = 0.25, .seed = 3})}};
  return model;
}

TEST(SamplesToScore, TheHeldOutOnesAreFoundAgain) {
  Dataset at_training = unsplit(100);
  apply_hold_out(at_training, {.fraction = 0.25, .seed = 3});
  Dataset now = unsplit(100);
  EXPECT_EQ(samples_to_score(trained_on("/photos", 100), now, "/photos", ""),
            at_training.of_split(Split::test));
  EXPECT_EQ(now.of_split(Split::train).size(), 75U);
}

TEST(SamplesToScore, AChangedDataSetIsRefused) {
  Dataset grown = unsplit(101);
  EXPECT_THROW((void)samples_to_score(trained_on("/photos", 100), grown, "/photos", ""), Error);
  EXPECT_EQ(samples_to_score(trained_on("/photos", 100), grown, "/photos", "all").size(), 101U);
}

TEST(SamplesToScore, AnotherUnsplitDataSetIsScoredWhole) {
  Dataset other = unsplit(40);
  EXPECT_EQ(samples_to_score(trained_on("/photos", 100), other, "/elsewhere", "").size(), 40U);
}

TEST(SamplesToScore, SplitsOfTheDataSetDecide) {
  Dataset split = unsplit(10);
  for (std::size_t i = 0; i < 10; ++i)
    split.samples[i].split = i < 6 ? Split::train : i < 8 ? Split::val : Split::test;
  const Model model = trained_on("/photos", 10);
  EXPECT_EQ(samples_to_score(model, split, "/x", ""), (std::vector<std::size_t>{8, 9}));
  EXPECT_EQ(samples_to_score(model, split, "/x", "val"), (std::vector<std::size_t>{6, 7}));
  for (Sample& sample : split.samples) sample.split = Split::train;
  EXPECT_THROW((void)samples_to_score(model, split, "/x", ""), Error);
}

}  // namespace
}  // namespace caft
