#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include "data/scratch.hpp"
#include "data/shuffle.hpp"

namespace caft::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A data set whose class c has sizes[c] samples.
Dataset made(const std::vector<int>& sizes) {
  Dataset dataset;
  for (std::size_t c = 0; c < sizes.size(); ++c) {
    dataset.classes.push_back("class" + std::to_string(c));
    for (int i = 0; i < sizes[c]; ++i) {
      Sample sample;
      sample.source.file = std::to_string(c) + "/" + std::to_string(i) + ".jpg";
      sample.labels = {static_cast<std::int32_t>(c)};
      dataset.samples.push_back(sample);
    }
  }
  return dataset;
}

std::vector<int> counts(const Dataset& dataset, Split split) {
  std::vector<int> count(dataset.classes.size(), 0);
  for (const std::size_t i : dataset.of_split(split)) {
    ++count[static_cast<std::size_t>(dataset.samples[i].labels.at(0))];
  }
  return count;
}

std::set<std::string> names(const Dataset& dataset, Split split) {
  std::set<std::string> names;
  for (const std::size_t i : dataset.of_split(split)) {
    names.insert(dataset.samples[i].source.display_name());
  }
  return names;
}

TEST(SplitMix64, GivesTheReferenceSequence) {
  // The first outputs of the authors' C program for this seed.
  data::SplitMix64 random(1234567);
  for (const std::uint64_t expected :
       {6457827717110365317ULL, 3203168211198807973ULL, 9817491932198370423ULL,
        4593380528125082431ULL, 16408922859458223821ULL}) {
    EXPECT_EQ(random.next(), expected);
  }
}

TEST(SplitMix64, BelowIsUniform) {
  data::SplitMix64 random(1);
  std::vector<int> hits(7, 0);
  for (int i = 0; i < 70000; ++i) ++hits[random.below(7)];
  for (const int hit : hits) EXPECT_NEAR(hit, 10000, 500);  // five standard deviations
}

TEST(SplitMix64, BelowRejectsWhatWouldBias) {
  // The first two outputs above lie among the 2^63 - 1 that this bound must reject.
  data::SplitMix64 random(1234567);
  EXPECT_EQ(random.below((std::uint64_t{1} << 63) + 1), 594119895343594614ULL);
}

TEST(StratifiedSplit, TiesGoToTheLowerClass) {
  Dataset dataset = made({3, 3, 3, 3});
  stratified_split(dataset, 0.5, 0, Split::val);  // 6 of 12: 1.5 each
  EXPECT_THAT(counts(dataset, Split::val), ElementsAre(2, 2, 1, 1));
}

TEST(StratifiedSplit, DrawsExactlyTheRoundedWhole) {
  Dataset dataset = made({1803, 821});  // ELPV at probability > 0.5
  stratified_split(dataset, 0.25, 0, Split::test);
  EXPECT_EQ(dataset.of_split(Split::train).size(), 1968U);
  EXPECT_EQ(dataset.of_split(Split::test).size(), 656U);
  EXPECT_THAT(counts(dataset, Split::test), ElementsAre(451, 205));  // 450.75 and 205.25
}

TEST(StratifiedSplit, IsRepeatedByItsSeedAlone) {
  Dataset a = made({50, 30, 20}), b = a, c = a;
  stratified_split(a, 0.2, 7, Split::val);
  stratified_split(b, 0.2, 7, Split::val);
  stratified_split(c, 0.2, 8, Split::val);
  EXPECT_EQ(names(a, Split::val), names(b, Split::val));
  EXPECT_NE(names(a, Split::val), names(c, Split::val));
  EXPECT_EQ(counts(a, Split::val), counts(c, Split::val));
}

// These were worked out by a second implementation, in Python. A change of any of them splits
// everyone's data anew.
TEST(StratifiedSplit, IsFrozen) {
  Dataset dataset = made({6, 4, 3});
  stratified_split(dataset, 0.4, 42, Split::val);
  EXPECT_THAT(dataset.of_split(Split::val), ElementsAre(3U, 4U, 6U, 9U, 12U));
  EXPECT_THAT(stratified_folds({0, 1, 0, 1, 0, 2, 0, 1, 2, 0}, 3, 42),
              ElementsAre(2, 0, 0, 1, 1, 2, 1, 2, 0, 0));
}

TEST(StratifiedSplit, DoesNotDependOnTheSamplesOrder) {
  Dataset ordered = made({40, 9, 3});
  Dataset mixed = ordered;
  std::mt19937 random(3);
  std::shuffle(mixed.samples.begin(), mixed.samples.end(), random);
  stratified_split(ordered, 0.3, 5, Split::val);
  stratified_split(mixed, 0.3, 5, Split::val);
  EXPECT_EQ(names(ordered, Split::val), names(mixed, Split::val));
}

TEST(StratifiedSplit, DoesNotDependOnTheFolderItLiesIn) {
  const Scratch one, two;
  for (const char* file : {"a/1.jpg", "a/2.jpg", "a/3.jpg", "a/x/4.jpg", "b/1.jpg", "b/2.jpg"}) {
    one.write(file);
    two.write("deeper/" + std::string(file));
  }
  Dataset a = open_dataset(one.path()), b = open_dataset(two / "deeper/");
  stratified_split(a, 0.5, 1, Split::val);
  stratified_split(b, 0.5, 1, Split::val);
  EXPECT_EQ(a.of_split(Split::val), b.of_split(Split::val));
}

TEST(StratifiedSplit, EveryClassKeepsASampleOnEachSideWherePossible) {
  Dataset dataset = made({1000, 2, 2, 2, 1});
  stratified_split(dataset, 0.01, 0, Split::val);  // 10 of 1007
  EXPECT_THAT(counts(dataset, Split::val), ElementsAre(7, 1, 1, 1, 0));
  dataset = made({1000, 2, 2, 2, 1});
  stratified_split(dataset, 0.99, 0, Split::val);  // 997 of 1007
  EXPECT_THAT(counts(dataset, Split::train), ElementsAre(6, 1, 1, 1, 1));
  // Two draws cannot serve three classes, nor can all classes keep one when all is drawn.
  dataset = made({6, 3, 2});
  stratified_split(dataset, 0.2, 0, Split::val);
  EXPECT_THAT(counts(dataset, Split::val), ElementsAre(1, 1, 0));
  dataset = made({3, 2});
  stratified_split(dataset, 1.0, 0, Split::val);
  EXPECT_EQ(dataset.of_split(Split::val).size(), 5U);
  dataset = made({3, 2});
  stratified_split(dataset, 0.0, 0, Split::val);
  EXPECT_EQ(dataset.of_split(Split::train).size(), 5U);
}

TEST(StratifiedSplit, HoldsItsPromisesOnManySets) {
  std::mt19937 random(11);
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<int> sizes(1 + random() % 9);
    for (int& size : sizes) size = static_cast<int>(random() % (trial % 3 == 0 ? 4 : 60));
    Dataset dataset = made(sizes);
    const double fraction = static_cast<double>(random() % 101) / 100.0;
    stratified_split(dataset, fraction, random(), Split::val);
    const auto n = static_cast<double>(dataset.samples.size());
    const auto total = static_cast<std::size_t>(std::llround(fraction * n));
    ASSERT_EQ(dataset.of_split(Split::val).size(), total);
    ASSERT_EQ(dataset.of_split(Split::train).size(), dataset.samples.size() - total);
    std::size_t pairs = 0, spare = 0;
    for (const int size : sizes) {
      pairs += size >= 2 ? 1U : 0U;
      spare += size >= 1 ? static_cast<std::size_t>(size - 1) : 0U;
    }
    const std::vector<int> drawn = counts(dataset, Split::val);
    for (std::size_t c = 0; c < sizes.size(); ++c) {
      if (sizes[c] >= 2 && pairs <= total) {
        ASSERT_GE(drawn[c], 1);
      }
      if (sizes[c] >= 1 && total <= spare) {
        ASSERT_LT(drawn[c], sizes[c]);
      }
    }
  }
}

TEST(StratifiedSplit, LeavesGivenSplitsAlone) {
  Dataset dataset = made({10});
  dataset.samples[0].split = Split::test;
  dataset.samples[1].split = Split::train;
  stratified_split(dataset, 0.5, 0, Split::val);
  EXPECT_EQ(dataset.samples[0].split, Split::test);
  EXPECT_EQ(dataset.samples[1].split, Split::train);
  EXPECT_EQ(dataset.of_split(Split::val).size(), 4U);
  stratified_split(dataset, 0.5, 0, Split::val);  // nothing is left to split
  EXPECT_EQ(dataset.of_split(Split::val).size(), 4U);
}

TEST(StratifiedSplit, TakesTheRarestOfSeveralLabels) {
  Dataset dataset = made({40, 0});
  dataset.multi_label = true;
  for (std::size_t i = 0; i < 4; ++i) dataset.samples[i * 9].labels = {0, 1};
  for (std::size_t i = 0; i < 8; ++i) dataset.samples[i * 4 + 1].labels.clear();
  stratified_split(dataset, 0.25, 3, Split::val);
  std::map<std::size_t, int> drawn;
  int rare = 0;
  for (const std::size_t i : dataset.of_split(Split::val)) {
    const auto& labels = dataset.samples[i].labels;
    rare += std::find(labels.begin(), labels.end(), 1) != labels.end() ? 1 : 0;
    ++drawn[labels.size()];
  }
  const auto without = std::count_if(dataset.samples.begin(), dataset.samples.end(),
                                     [](const Sample& s) { return s.labels.empty(); });
  ASSERT_EQ(dataset.of_split(Split::val).size(), 10U);
  EXPECT_GE(rare, 1);
  EXPECT_EQ(drawn[0], without / 4);
}

TEST(StratifiedSplit, RefusesNonsense) {
  Dataset dataset = made({4});
  for (const double fraction : {-0.1, 1.1, std::nan("")}) {
    EXPECT_THAT(
        error_of(ErrorKind::usage, [&] { stratified_split(dataset, fraction, 0, Split::val); }),
        HasSubstr("fraction"));
  }
  error_of(ErrorKind::usage, [&] { stratified_split(dataset, 0.5, 0, Split::none); });
  error_of(ErrorKind::usage, [&] { stratified_split(dataset, 0.5, 0, Split::train); });
  dataset.samples[2].labels = {7};
  EXPECT_THAT(error_of(ErrorKind::usage, [&] { stratified_split(dataset, 0.5, 0, Split::val); }),
              HasSubstr("0/2.jpg has label 7 of 1 classes"));
}

TEST(StratifiedFolds, BalancesClassesAndWholes) {
  std::vector<std::int32_t> labels;
  for (int i = 0; i < 1803; ++i) labels.push_back(0);
  for (int i = 0; i < 821; ++i) labels.push_back(1);
  for (int i = 0; i < 3; ++i) labels.push_back(2);
  for (const int folds : {2, 5, 7}) {
    const std::vector<int> fold = stratified_folds(labels, folds, 0);
    std::map<int, int> whole;
    std::map<std::pair<int, int>, int> each;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      ASSERT_GE(fold[i], 0);
      ASSERT_LT(fold[i], folds);
      ++whole[fold[i]];
      ++each[{labels[i], fold[i]}];
    }
    const auto within_one = [&](const std::vector<int>& values) {
      const auto [low, high] = std::minmax_element(values.begin(), values.end());
      return *high - *low <= 1;
    };
    for (int label = -1; label < 3; ++label) {
      std::vector<int> values;
      for (int f = 0; f < folds; ++f) values.push_back(label < 0 ? whole[f] : each[{label, f}]);
      EXPECT_TRUE(within_one(values)) << "label " << label << " of " << folds << " folds";
    }
  }
  EXPECT_EQ(stratified_folds(labels, 5, 1), stratified_folds(labels, 5, 1));
  EXPECT_NE(stratified_folds(labels, 5, 1), stratified_folds(labels, 5, 2));
}

TEST(StratifiedFolds, RefusesNonsense) {
  error_of(ErrorKind::usage, [] { stratified_folds({0, 1, 0}, 1, 0); });
  error_of(ErrorKind::usage, [] { stratified_folds({0, 1, 0}, 4, 0); });
  error_of(ErrorKind::usage, [] { stratified_folds({}, 2, 0); });
}

TEST(SplitNames, GoBothWays) {
  for (const Split split : {Split::none, Split::train, Split::val, Split::test}) {
    EXPECT_EQ(split_from_string(to_string(split)), split);
  }
  EXPECT_EQ(split_from_string("Validation"), Split::val);
  error_of(ErrorKind::bad_input, [] { split_from_string("dev"); });
}

}  // namespace
}  // namespace caft::testing
