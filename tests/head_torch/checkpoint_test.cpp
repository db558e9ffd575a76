#include <fstream>

#include "caft/core/file.hpp"
#include "caft/torch/train.hpp"
#include "head/torch/checkpoint.hpp"
#include "head_torch/expect_error.hpp"
#include "head_torch/toy_data.hpp"

namespace caft {
namespace {

using testing::expect_error;
using testing::ScratchFolder;
using testing::toy_config;
using testing::ToyData;

struct Interrupted {};

/// Ends the run after an epoch, as a user or a power cut does.
class InterruptAfter final : public ProgressSink {
 public:
  explicit InterruptAfter(std::uint64_t epoch) : epoch_(epoch) {}
  void update(const std::string& label, std::uint64_t done, std::uint64_t total) override {
    EXPECT_EQ(label, "train");
    EXPECT_LE(done, total);
    if (done == epoch_) throw Interrupted{};
  }
  void finish() override {}

 private:
  std::uint64_t epoch_;
};

void expect_equal_outcomes(const TrainOutcome& a, const TrainOutcome& b) {
  ASSERT_EQ(a.history.size(), b.history.size());
  for (std::size_t i = 0; i < a.history.size(); ++i) {
    EXPECT_EQ(a.history[i].epoch, b.history[i].epoch);
    EXPECT_EQ(a.history[i].train_loss, b.history[i].train_loss) << i;
    EXPECT_EQ(a.history[i].val_loss, b.history[i].val_loss) << i;
    EXPECT_EQ(a.history[i].learning_rate, b.history[i].learning_rate) << i;
  }
  EXPECT_EQ(a.scored_logits, b.scored_logits);
  EXPECT_EQ(a.temperature, b.temperature);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(a.head.layers[i].weight, b.head.layers[i].weight);
    EXPECT_EQ(a.head.layers[i].bias, b.head.layers[i].bias);
  }
}

class Resume : public ::testing::TestWithParam<std::tuple<Optimizer, int>> {};

TEST_P(Resume, ContinuesBitForBit) {
  const ScratchFolder folder;
  const ToyData toy(200, 10, 3, DType::f16);
  const auto trainer = make_torch_trainer("vgg");
  TrainConfig config = toy_config();
  config.optimizer = std::get<0>(GetParam());
  config.patience = std::get<1>(GetParam());
  config.learning_rate = config.optimizer == Optimizer::sgd ? 0.02 : 3e-3;
  const TrainOutcome whole = trainer->train(toy.view(), config, nullptr);

  config.checkpoint = folder / "run.safetensors";
  config.resume = true;  // nothing there yet: starts from the beginning
  for (const std::uint64_t epoch : {1U, 3U}) {
    InterruptAfter sink(epoch);
    EXPECT_THROW(trainer->train(toy.view(), config, &sink), Interrupted);
  }
  expect_equal_outcomes(trainer->train(toy.view(), config, nullptr), whole);
  // A run that is over gives its result again.
  expect_equal_outcomes(trainer->train(toy.view(), config, nullptr), whole);
}

INSTANTIATE_TEST_SUITE_P(Optimizers, Resume,
                         ::testing::Combine(::testing::Values(Optimizer::adamw, Optimizer::sgd),
                                            ::testing::Values(0, 3)));

TEST(Checkpoint, OfAnotherRunIsRefusedAndNamed) {
  const ScratchFolder folder;
  const ToyData toy(100, 10, 3);
  const auto trainer = make_torch_trainer("vgg");
  TrainConfig config = toy_config();
  config.epochs = 2;
  config.checkpoint = folder / "run.safetensors";
  trainer->train(toy.view(), config, nullptr);
  config.resume = true;

  const auto refuse = [&](const std::string& text, const TrainConfig& other, const ToyData& data) {
    expect_error(ErrorKind::mismatch, text, [&] { trainer->train(data.view(), other, nullptr); });
  };
  TrainConfig other = config;
  other.learning_rate = 1e-4;
  refuse("learning_rate (0.003, now 0.0001)", other, toy);
  other = config;
  other.epochs = 5;
  refuse("epochs (2, now 5)", other, toy);
  other = config;
  other.hidden = 25;
  refuse("another module", other, toy);
  ToyData data = toy;
  data.labels[5] = (data.labels[5] + 1) % 3;
  refuse("labels", config, data);
  data = toy;
  for (float& value : data.rows32) value += 0.5F;
  refuse("features", config, data);

  torch::manual_seed(1);
  torch::nn::Sequential module = make_vgg_head(10, 24, 3, 0.2);
  expect_error(ErrorKind::mismatch, "kind (\"vgg\", now \"module\")",
               [&] { train_module(module, toy.view(), config); });
}

TEST(Checkpoint, AConstantRateMayBeProlonged) {
  const ScratchFolder folder;
  const ToyData toy(100, 10, 3);
  const auto trainer = make_torch_trainer("vgg");
  TrainConfig config = toy_config();
  config.schedule = Schedule::constant;
  config.epochs = 5;
  const TrainOutcome whole = trainer->train(toy.view(), config, nullptr);
  config.checkpoint = folder / "run.safetensors";
  config.resume = true;
  config.epochs = 2;
  EXPECT_EQ(trainer->train(toy.view(), config, nullptr).history.size(), 2U);
  config.epochs = 5;
  expect_equal_outcomes(trainer->train(toy.view(), config, nullptr), whole);
  config.epochs = 4;
  expect_error(ErrorKind::mismatch, "does not fit this run's epochs",
               [&] { trainer->train(toy.view(), config, nullptr); });
}

TEST(Checkpoint, ABrokenFileIsRefusedAndTensorsStayAsTheyAre) {
  const ScratchFolder folder;
  const auto file = folder / "state.safetensors";
  const nlohmann::json signature = {{"kind", "test"}};
  const NamedTensors tensors = {{"a", torch::arange(6).to(torch::kFloat)},
                                {"counter", torch::tensor({-3}, torch::kLong)}};
  save_checkpoint(file, signature, {.optimizer_steps = 4, .history = {{.epoch = 1}}}, tensors);
  NamedTensors copy = {{"a", torch::zeros({6})}, {"counter", torch::zeros({1}, torch::kLong)}};
  const RunState state = load_checkpoint(file, signature, copy);
  EXPECT_EQ(state.optimizer_steps, 4);
  EXPECT_EQ(state.history.size(), 1U);
  EXPECT_TRUE(torch::equal(copy[0].second, tensors[0].second));
  EXPECT_EQ(copy[1].second.item<std::int64_t>(), -3);

  const NamedTensors other = {{"a", torch::zeros({5})},
                              {"counter", torch::zeros({1}, torch::kLong)}};
  expect_error(ErrorKind::mismatch, "lacks a tensor a",
               [&] { load_checkpoint(file, signature, other); });
  const NamedTensors fewer = {{"a", torch::full({6}, 9.0F)}};
  expect_error(ErrorKind::mismatch, "more tensors",
               [&] { load_checkpoint(file, signature, fewer); });
  EXPECT_EQ(fewer[0].second[0].item<float>(), 9.0F);

  const std::string text = read_text(file);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{7}, std::size_t{60}, text.size() - 1}) {
    write_file_atomically(file, std::string_view(text).substr(0, size));
    EXPECT_THROW(load_checkpoint(file, signature, copy), Error) << size;
  }
  save_checkpoint(file, {{"kind", "test"}}, {}, tensors);
  std::string broken = read_text(file);
  broken.replace(broken.find("optimizer_steps"), 9, "optimised");
  write_file_atomically(file, broken);
  expect_error(ErrorKind::bad_input, "malformed checkpoint",
               [&] { load_checkpoint(file, signature, copy); });
}

}  // namespace
}  // namespace caft
