// `--head vgg` as the program does it: libcaft opens libcaft_torch, prediction needs no LibTorch.
#include <algorithm>

#include "caft/head/trainer.hpp"
#include "head_torch/expect_error.hpp"
#include "head_torch/toy_data.hpp"

namespace caft {
namespace {

TEST(TorchPlugin, TrainsAHeadThatPredictsWithoutLibTorch) {
  const testing::ToyData toy(300, 16, 3);
  const std::unique_ptr<HeadTrainer> trainer = make_trainer("vgg");
  const TrainOutcome outcome = trainer->train(toy.view(), testing::toy_config(), nullptr);
  std::size_t right = 0;
  for (const std::uint32_t sample : toy.val) {
    const std::vector<float> logits = outcome.head.logits(toy.features(sample), 1);
    right += std::ranges::max_element(logits) - logits.begin() == toy.labels[sample] ? 1 : 0;
  }
  EXPECT_GT(static_cast<double>(right), 0.95 * static_cast<double>(toy.val.size()));

  const testing::ScratchFolder folder;
  outcome.head.save(folder / "head.safetensors");
  const Head loaded = Head::load(folder / "head.safetensors");
  EXPECT_EQ(loaded.kind, "vgg");
  EXPECT_EQ(loaded.logits(toy.features(0), 1), outcome.head.logits(toy.features(0), 1));
}

TEST(TorchPlugin, ErrorsCrossTheLibrarysBorder) {
  const testing::ToyData toy(60, 4, 2);
  TrainConfig config = testing::toy_config();
  config.optimizer = Optimizer::lbfgs;
  testing::expect_error(ErrorKind::usage, "use adamw or sgd",
                        [&] { make_trainer("vgg")->train(toy.view(), config, nullptr); });
}

}  // namespace
}  // namespace caft
