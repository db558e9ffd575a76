#include "caft/lab/sweep.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "caft/data/dataset.hpp"
#include "head/blobs.hpp"
#include "head/fused/head_stack.hpp"
#include "head/fused/problem.hpp"
#include "lab/python_parity.hpp"

namespace caft::lab {
namespace {

SweepGrid all_optimizers() {
  SweepGrid grid;
  grid.optimizers = {Optimizer::lbfgs, Optimizer::adamw, Optimizer::sgd};
  grid.l2 = {1, 0.1, 0.01};
  grid.learning_rates = {1e-3, 1e-2};
  grid.weight_decays = {0, 1e-2};
  grid.label_smoothings = {0, 0.1};
  grid.balanced = {false, true};
  grid.folds = 4;
  grid.shared.epochs = 6;
  grid.shared.batch = 16;
  return grid;
}

// Whatever else is in its stack, a head is the one that the trainer makes of it alone.
TEST(HeadStack, EachHeadGetsTheBitsItWouldGetAlone) {
  for (const bool multi_label : {false, true}) {
    test::Blobs blobs({.samples = 203, .dim = 33, .classes = 5, .multi_label = multi_label});
    blobs.hold_out(40);
    const TrainingData data = blobs.data();
    fused::ThreadTeam team(2);
    const fused::StandardizedFeatures features(data, team);
    std::vector<std::unique_ptr<fused::Loss>> losses;
    std::vector<fused::StackedHead> heads;
    for (int h = 0; h < 7; ++h) {
      TrainConfig config;
      config.optimizer = h % 2 == 0 ? Optimizer::adamw : Optimizer::sgd;
      config.learning_rate = 0.001 * (h + 1);
      config.weight_decay = 0.01 * h;
      config.label_smoothing = h % 3 == 0 ? 0.1 : 0;
      config.balanced = h % 2 == 1;
      config.epochs = 5;
      config.batch = 32;
      config.seed = 9;
      config.patience = 2;
      losses.push_back(
          std::make_unique<fused::Loss>(data, config.balanced, config.label_smoothing));
      heads.push_back({config, losses.back().get()});
    }
    const auto outcomes = fused::train_stack(features, data, data.train, data.val, heads);
    for (std::size_t h = 0; h < heads.size(); ++h) {
      const Head alone = make_trainer("linear")->train(data, heads[h].config, nullptr).head;
      const DenseLayer stacked = features.fold(outcomes[h].weight, data.classes);
      EXPECT_EQ(stacked.weight, alone.layers[0].weight) << "head " << h;
      EXPECT_EQ(stacked.bias, alone.layers[0].bias) << "head " << h;
    }
  }
}

TEST(HeadStack, OneThatDivergesLeavesTheOthersAlone) {
  const test::Blobs blobs({.samples = 120, .dim = 20, .classes = 3});
  const TrainingData data = blobs.data();
  fused::ThreadTeam team(1);
  const fused::StandardizedFeatures features(data, team);
  const fused::Loss loss(data, false, 0);
  TrainConfig tame;
  tame.optimizer = Optimizer::sgd;
  tame.learning_rate = 1e-3;
  tame.epochs = 12;
  TrainConfig wild = tame;
  wild.learning_rate = 1e30;
  const auto outcomes =
      fused::train_stack(features, data, data.train, {}, {{wild, &loss}, {tame, &loss}});
  EXPECT_TRUE(outcomes[0].weight.empty());
  const auto alone = fused::train_stack(features, data, data.train, {}, {{tame, &loss}});
  EXPECT_EQ(outcomes[1].epochs, 12);
  EXPECT_EQ(outcomes[1].weight, alone[0].weight);
}

TEST(Sweep, ScoresEveryCombinationOnEveryFoldAndRanksThem) {
  const test::Blobs blobs({.samples = 240, .dim = 20, .classes = 3, .spread = 0.5});
  const SweepGrid grid = all_optimizers();
  const SweepResult result = sweep(blobs.data(), grid);
  const std::size_t combinations = 4 * 3 + 4 * 4 + 4 * 4;
  EXPECT_EQ(result.heads.size(), combinations);
  EXPECT_EQ(result.trained, combinations * 4);
  for (std::size_t h = 1; h < result.heads.size(); ++h) {
    EXPECT_LE(result.heads[h].spread.mean, result.heads[h - 1].spread.mean + 1e-12);
  }
  EXPECT_EQ(result.heads.front().accuracy.size(), 4U);
  EXPECT_GT(result.heads.front().spread.mean, 0.75);
  EXPECT_LT(result.heads.front().spread.low, result.heads.front().spread.mean);
}

// The same folds, lambda and features as scikit-learn: the same accuracies.
TEST(Sweep, FoldAccuraciesAreScikitLearns) {
  const test::Blobs blobs({.samples = 300, .dim = 25, .classes = 3, .spread = 0.3});
  SweepGrid grid;
  grid.l2 = {0.1, 0.01};
  const SweepResult result = sweep(blobs.data(), grid);
  const auto folds = stratified_folds(blobs.labels, 5, 0);
  nlohmann::json heads;
  for (const SweepHead& head : result.heads) heads.push_back(to_json(head));
  test::check_in_python("sweep", {{"x", blobs.features_of(blobs.train)},
                                  {"labels", blobs.labels},
                                  {"folds", folds},
                                  {"heads", heads}});
}

TEST(Sweep, ThreadsDoNotMatter) {
  const test::Blobs blobs({.samples = 150, .dim = 40, .classes = 4, .spread = 0.3});
  SweepGrid grid = all_optimizers();
  grid.repeats = 2;
  grid.shared.patience = 2;
  grid.shared.threads = 1;
  const SweepResult one = sweep(blobs.data(), grid);
  grid.shared.threads = 3;
  const SweepResult three = sweep(blobs.data(), grid);
  for (std::size_t h = 0; h < one.heads.size(); ++h) {
    EXPECT_EQ(to_json(one.heads[h]), to_json(three.heads[h]));
  }
}

// Coin tosses: an honest score stays near one half, also with early stopping.
TEST(Sweep, ScoresComeFromSamplesThatTheHeadHasNotSeen) {
  const test::Blobs blobs({.samples = 120, .dim = 200, .classes = 2, .spread = 0});
  SweepGrid grid;
  grid.optimizers = {Optimizer::lbfgs, Optimizer::adamw};
  grid.l2 = {1e-3};
  grid.learning_rates = {1e-2};
  grid.weight_decays = {0};
  grid.shared.patience = 3;
  for (const SweepHead& head : sweep(blobs.data(), grid).heads) {
    EXPECT_GT(head.spread.mean, 0.3);
    EXPECT_LT(head.spread.mean, 0.7);
  }
}

TEST(Sweep, GoesOnFromItsJournalAndRefusesAnothers) {
  const test::TempFolder folder;
  const test::Blobs blobs({.samples = 120, .dim = 20, .classes = 3, .spread = 0.4});
  SweepGrid grid = all_optimizers();
  const SweepResult whole = sweep(blobs.data(), grid, nullptr, folder / "journal");
  EXPECT_EQ(whole.resumed, 0U);
  // A kill in the middle of a line.
  const std::string text = read_text(folder / "journal");
  std::ofstream(folder / "journal") << text.substr(0, text.size() / 2);
  const SweepResult resumed = sweep(blobs.data(), grid, nullptr, folder / "journal");
  EXPECT_GT(resumed.resumed, 20U);
  EXPECT_LT(resumed.resumed, whole.trained);
  for (std::size_t h = 0; h < whole.heads.size(); ++h) {
    EXPECT_EQ(whole.heads[h].accuracy, resumed.heads[h].accuracy);
    EXPECT_EQ(whole.heads[h].config.learning_rate, resumed.heads[h].config.learning_rate);
  }
  EXPECT_EQ(sweep(blobs.data(), grid, nullptr, folder / "journal").resumed, whole.trained);
  grid.learning_rates = {1e-3};
  EXPECT_THROW(sweep(blobs.data(), grid, nullptr, folder / "journal"), Error);
}

TEST(Sweep, RefusesWhatMakesNoSense) {
  const test::Blobs blobs({.samples = 30});
  SweepGrid grid;
  grid.folds = 1;
  EXPECT_THROW(sweep(blobs.data(), grid), Error);
  grid.folds = 5;
  grid.optimizers = {};
  EXPECT_THROW(sweep(blobs.data(), grid), Error);
}

}  // namespace
}  // namespace caft::lab
