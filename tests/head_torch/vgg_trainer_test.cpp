#include <cmath>

#include "caft/torch/train.hpp"
#include "head/torch/sample_source.hpp"
#include "head/torch/standardization.hpp"
#include "head/torch/vgg_head.hpp"
#include "head_torch/expect_error.hpp"
#include "head_torch/toy_data.hpp"

namespace caft {
namespace {

using testing::toy_config;
using testing::ToyData;

TrainOutcome train(const ToyData& toy, const TrainConfig& config) {
  return make_torch_trainer("vgg")->train(toy.view(), config, nullptr);
}

TEST(VggTrainer, LearnsAndReturnsAPlainHeadWithTheSameLogits) {
  for (const DType dtype : {DType::f32, DType::f16}) {
    const ToyData toy(500, 20, 5, dtype);
    const TrainOutcome outcome = train(toy, toy_config());
    EXPECT_GT(outcome.history.back().val_accuracy, 0.95);
    ASSERT_EQ(outcome.head.layers.size(), 3U);
    EXPECT_EQ(outcome.head.kind, "vgg");
    EXPECT_EQ(outcome.head.inputs(), 20U);
    EXPECT_EQ(outcome.head.layers[1].inputs, 24U);
    EXPECT_EQ(outcome.head.classes(), 5U);
    // scored_logits come from the module in eval mode on standardised features; the head takes the
    // features as they are.
    ASSERT_EQ(outcome.scored, toy.val);
    double scale = 0;
    for (const float value : outcome.scored_logits)
      scale = std::max<double>(scale, std::abs(value));
    for (std::size_t i = 0; i < toy.val.size(); ++i) {
      const std::vector<float> logits = outcome.head.logits(toy.features(toy.val[i]), 1);
      for (std::size_t c = 0; c < 5; ++c) {
        ASSERT_NEAR(logits[c], outcome.scored_logits[i * 5 + c], 1e-4 * scale) << i << " " << c;
      }
    }
  }
}

TEST(VggTrainer, SeedsReproduceBitForBit) {
  const ToyData toy(200, 10, 3);
  TrainConfig config = toy_config();
  config.epochs = 3;
  const TrainOutcome first = train(toy, config), second = train(toy, config);
  EXPECT_EQ(first.scored_logits, second.scored_logits);
  EXPECT_EQ(first.head.layers[0].weight, second.head.layers[0].weight);
  config.seed = 6;
  EXPECT_NE(train(toy, config).scored_logits, first.scored_logits);
}

TEST(VggTrainer, IsAsWideAsVggUnlessTold) {
  const ToyData toy(40, 6, 2);
  TrainConfig config = toy_config();
  config.hidden = TrainConfig{}.hidden;
  config.epochs = 1;
  EXPECT_EQ(train(toy, config).head.layers[0].outputs, 4096U);
  testing::expect_error(ErrorKind::usage, "use vgg", [] { make_torch_trainer("mlp"); });
  config.dropout = 1;
  testing::expect_error(ErrorKind::usage, "dropout", [&] { train(toy, config); });
}

TEST(Standardization, MatchesDirectSumsOverManyBlocks) {
  // 3 M columns: one row a block, so that merging is what is tested.
  const std::size_t dim = 3'000'000, rows = 5;
  std::vector<float> values(rows * dim, 7.0F);
  for (std::size_t r = 0; r < rows; ++r) {
    values[r * dim] = static_cast<float>(r * r);
    values[r * dim + 1] = 1000.0F + static_cast<float>(r % 2);
  }
  const std::vector<std::uint32_t> row_of{4, 3, 2, 1, 0}, samples{0, 1, 2, 3};  // rows 4, 3, 2, 1
  TrainingData data;
  data.features = {values.data(), DType::f32, rows, dim};
  data.row_of = row_of;
  const SampleSource source(data);
  const Standardization scale = standardization_of(source, samples);
  EXPECT_FLOAT_EQ(scale.mean[0].item<float>(), 7.5F);  // of 16, 9, 4, 1
  EXPECT_FLOAT_EQ(scale.inverse_std[0].item<float>(), 1 / std::sqrt(32.25F));
  EXPECT_FLOAT_EQ(scale.mean[1].item<float>(), 1000.5F);
  EXPECT_NEAR(scale.inverse_std[1].item<float>(), 2, 1e-5);
  EXPECT_FLOAT_EQ(scale.mean[2].item<float>(), 7.0F);
  EXPECT_FLOAT_EQ(scale.inverse_std[2].item<float>(), 1.0F);  // constant
}

TEST(FoldToHead, RefusesLayersThatAHeadLacks) {
  const Standardization scale{torch::zeros({4}), torch::ones({4})};
  torch::nn::Sequential odd(torch::nn::Linear(4, 4), torch::nn::Tanh(), torch::nn::Linear(4, 2));
  testing::expect_error(ErrorKind::usage, "cannot stand in a dense head",
                        [&] { fold_to_head(odd, scale, "vgg"); });
}

}  // namespace
}  // namespace caft
