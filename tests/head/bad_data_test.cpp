// What the trainers refuse, and how.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "blobs.hpp"
#include "caft/core/error.hpp"

namespace caft {
namespace {

void expect_error(const test::Blobs& blobs, const TrainConfig& config, ErrorKind kind,
                  const std::string& word, const std::function<void(TrainingData&)>& spoil = {}) {
  TrainingData data = blobs.data();
  if (spoil) spoil(data);
  try {
    (void)make_trainer(config.head)->train(data, config, nullptr);
    FAIL() << "accepted, though " << word;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_THAT(error.what(), testing::HasSubstr(word));
  }
}

TEST(FusedTrainer, RefusesDataThatCannotBeLearntFrom) {
  test::Blobs one_class({.samples = 30});
  std::ranges::fill(one_class.labels, 1);
  expect_error(one_class, {}, ErrorKind::bad_input, "one class");
  test::Blobs no_label({.samples = 30, .multi_label = true});
  std::ranges::fill(no_label.multi_hot, 0);
  expect_error(no_label, {}, ErrorKind::bad_input, "no label");
}

TEST(FusedTrainer, RefusesContradictions) {
  const test::Blobs blobs({.samples = 30});
  const std::vector<std::uint32_t> twice{0, 1, 1}, beyond{0, 30};
  const std::vector<std::int32_t> wrong_labels(30, 3);
  const std::vector<std::uint32_t> wrong_rows(30, 30);
  const auto refused = [&](const std::string& word,
                           const std::function<void(TrainingData&)>& spoil) {
    expect_error(blobs, {}, ErrorKind::usage, word, spoil);
  };
  refused("twice", [&](TrainingData& d) { d.train = twice; });
  refused("twice", [&](TrainingData& d) { d.val = d.train.first(2); });
  refused("does not exist", [&](TrainingData& d) { d.train = beyond; });
  refused("no training samples", [](TrainingData& d) { d.train = {}; });
  refused("label 3", [&](TrainingData& d) { d.labels = wrong_labels; });
  refused("row 30", [&](TrainingData& d) { d.row_of = wrong_rows; });
  refused("differ in number", [](TrainingData& d) { d.labels = d.labels.first(29); });
  refused("no features", [](TrainingData& d) { d.features.data = nullptr; });
  refused("U8", [](TrainingData& d) { d.features.dtype = DType::u8; });
  refused("either", [](TrainingData& d) { d.labels = {}; });
}

TEST(FusedTrainer, RefusesConfigurationsThatMakeNoSense) {
  const test::Blobs blobs({.samples = 30});
  const auto refused = [&](const std::string& word,
                           const std::function<void(TrainConfig&)>& spoil) {
    TrainConfig config;
    spoil(config);
    expect_error(blobs, config, ErrorKind::usage, word);
  };
  refused("L-BFGS", [](TrainConfig& c) { c.head = "mlp"; });
  refused("epochs", [](TrainConfig& c) { c.epochs = 0; });
  refused("batch", [](TrainConfig& c) { c.batch = 0; });
  refused("learning rate", [](TrainConfig& c) { c.learning_rate = 0; });
  refused("momentum", [](TrainConfig& c) { c.momentum = 1; });
  refused("weight decay", [](TrainConfig& c) { c.weight_decay = -1; });
  refused("smoothing", [](TrainConfig& c) { c.label_smoothing = 1; });
  refused("dropout", [](TrainConfig& c) { c.dropout = 1; });
  refused("l2", [](TrainConfig& c) { c.l2 = {0.1, -1}; });
  refused("folds", [](TrainConfig& c) { c.folds = 1; });
  refused("checkpoint", [](TrainConfig& c) { c.resume = true; });
}

TEST(FusedTrainer, SaysWhenTrainingDiverges) {
  const test::Blobs blobs({.samples = 60});
  TrainConfig config;
  config.optimizer = Optimizer::sgd;
  config.learning_rate = 1e30;
  expect_error(blobs, config, ErrorKind::usage, "diverged");
}

}  // namespace
}  // namespace caft
