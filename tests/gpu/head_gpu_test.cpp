// Heads trained on the GPU, against the CPU's trainer: the same problem, order and updates, so that
// only rounding may differ.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>

#include "caft/core/error.hpp"
#include "core/plugin.hpp"
#include "head/blobs.hpp"
#include "head/cuda/options.hpp"
#include "head/fused/problem.hpp"
#include "temp_folder.hpp"

namespace caft {
namespace {

cuda::HeadOptions& options() {
  using Options = cuda::HeadOptions* (*)();
  return *reinterpret_cast<Options>(plugin_symbol("caft_cuda", "caft_cuda_head_options"))();
}

struct Case {
  std::string name;
  test::Blobs::Options data;
  std::string head = "linear";
  Optimizer optimizer = Optimizer::adamw;
  int batch = 32, epochs = 1;
  double smoothing = 0, dropout = 0;
  bool balanced = false, small_step = true;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

TrainConfig config_of(const Case& c) {
  TrainConfig config;
  config.head = c.head;
  config.optimizer = c.optimizer;
  config.epochs = c.epochs;
  config.batch = c.batch;
  config.learning_rate = c.optimizer == Optimizer::adamw ? 3e-3 : 0.05;
  config.weight_decay = 1e-2;
  config.hidden = 40;
  config.dropout = c.dropout;
  config.label_smoothing = c.smoothing;
  config.balanced = c.balanced;
  return config;
}

TrainOutcome fit(const test::Blobs& blobs, TrainConfig config, TrainDevice device) {
  config.device = device;
  return make_trainer(config.head)->train(blobs.data(), config, nullptr);
}

/// Features of -1 and 1, each as often: standardised they are themselves, and fp16 holds them. What
/// then differs from the CPU is the order of sums alone.
test::Blobs signs(test::Blobs::Options o) {
  test::Blobs blobs(o);
  std::mt19937 random(7);
  std::vector<float> column(o.samples);
  for (std::size_t j = 0; j < o.dim; ++j) {
    for (std::size_t i = 0; i < o.samples; ++i) column[i] = i % 2 == 0 ? 1.0F : -1.0F;
    std::shuffle(column.begin(), column.end(), random);
    for (std::size_t i = 0; i < o.samples; ++i) blobs.values[i * o.dim + j] = column[i];
  }
  float_to_half(blobs.values.data(), blobs.halves.data(), blobs.values.size());
  return blobs;
}

double norm(std::span<const float> a) {
  double sum = 0;
  for (const float value : a) sum += static_cast<double>(value) * value;
  return std::sqrt(sum);
}

/// |a - b| / |b|, over all parameters.
double distance(const Head& a, const Head& b) {
  EXPECT_EQ(a.layers.size(), b.layers.size());
  double difference = 0, size = 0;
  for (std::size_t l = 0; l < a.layers.size(); ++l) {
    const auto add = [&](const std::vector<float>& x, const std::vector<float>& y) {
      EXPECT_EQ(x.size(), y.size());
      std::vector<float> gap(x.size());
      for (std::size_t i = 0; i < x.size(); ++i) gap[i] = x[i] - y[i];
      difference += std::pow(norm(gap), 2);
      size += std::pow(norm(y), 2);
    };
    add(a.layers[l].weight, b.layers[l].weight);
    add(a.layers[l].bias, b.layers[l].bias);
  }
  return std::sqrt(difference / size);
}

void expect_same_bits(const TrainOutcome& a, const TrainOutcome& b) {
  for (std::size_t l = 0; l < a.head.layers.size(); ++l) {
    EXPECT_EQ(a.head.layers[l].weight, b.head.layers[l].weight) << "layer " << l;
    EXPECT_EQ(a.head.layers[l].bias, b.head.layers[l].bias) << "layer " << l;
  }
  EXPECT_EQ(a.scored_logits, b.scored_logits);
  ASSERT_EQ(a.history.size(), b.history.size());
  for (std::size_t e = 0; e < a.history.size(); ++e) {
    EXPECT_NEAR(a.history[e].train_loss, b.history[e].train_loss, 1e-12);
    EXPECT_EQ(a.history[e].val_loss, b.history[e].val_loss);
  }
}

class HeadGpu : public testing::Test {
 protected:
  void SetUp() override { options() = {}; }
  void TearDown() override { options() = {}; }
};

class HeadGpuCase : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override { options() = {}; }
  void TearDown() override { options() = {}; }
};

TEST_P(HeadGpuCase, EndsWhereTheCpuEnds) {
  const Case& c = GetParam();
  test::Blobs blobs = signs(c.data);
  if (!c.data.multi_label) {  // an odd number for validation; statistics stay near those of signs
    for (std::size_t i = 0; i < c.data.classes; ++i) blobs.labels[i] = static_cast<int>(i);
  }
  options().small_step = c.small_step;
  TrainConfig config = config_of(c);
  // Nothing held out, so that the features' mean is 0 and their deviation 1 to the bit.
  blobs.val.assign({});
  const TrainingData all = blobs.data();
  ASSERT_EQ(all.train.size(), c.data.samples);
  // Twice the data, the second half for validation: no tenth of the training part is held out.
  for (std::size_t i = 0; i < c.data.samples; ++i) {
    blobs.row_of.push_back(blobs.row_of[i]);
    if (c.data.multi_label) {
      for (std::size_t k = 0; k < c.data.classes; ++k) {
        blobs.multi_hot.push_back(blobs.multi_hot[i * c.data.classes + k]);
      }
    } else {
      blobs.labels.push_back(blobs.labels[i]);
    }
    blobs.val.push_back(static_cast<std::uint32_t>(c.data.samples + i));
  }
  const test::TempFolder folder;
  if (c.optimizer == Optimizer::adamw) {
    // From zero weights many gradients of such features are zero but for rounding, and AdamW's
    // first step would make whole steps of it. So both continue from the CPU's first epoch.
    config.schedule = Schedule::constant;
    config.epochs = 1;
    config.checkpoint = folder / "cpu";
    (void)fit(blobs, config, TrainDevice::cpu);
    std::filesystem::copy(folder / "cpu", folder / "gpu");
    config.epochs = 1 + c.epochs;
    config.resume = true;
  }
  const TrainOutcome cpu = fit(blobs, config, TrainDevice::cpu);
  if (config.resume) config.checkpoint = folder / "gpu";
  const TrainOutcome gpu = fit(blobs, config, TrainDevice::cuda);
  EXPECT_EQ(gpu.details["device"], "cuda");
  const bool fused = c.head == "linear" && c.small_step;
  EXPECT_EQ(gpu.details["step"], fused ? "fused" : "cublas");
  // The fused step keeps 22 bits of weights and gradients. cuBLAS gets 11, of which AdamW, for
  // which all gradients are of one size, makes more.
  const double tolerance = fused ? 1e-3 : 2e-2;
  const double most = !fused && c.optimizer == Optimizer::adamw ? 0.1 : tolerance;
  const double gap = distance(gpu.head, cpu.head);
  RecordProperty("distance", std::to_string(gap));
  EXPECT_LT(gap, most) << "relative distance of the parameters";
  ASSERT_EQ(gpu.history.size(), cpu.history.size());
  for (std::size_t e = 0; e < cpu.history.size(); ++e) {
    EXPECT_NEAR(gpu.history[e].train_loss, cpu.history[e].train_loss,
                tolerance * cpu.history[e].train_loss);
    EXPECT_NEAR(gpu.history[e].val_loss, cpu.history[e].val_loss,
                tolerance * cpu.history[e].val_loss);
    EXPECT_NEAR(gpu.history[e].val_accuracy, cpu.history[e].val_accuracy, 0.02);
    EXPECT_EQ(gpu.history[e].learning_rate, cpu.history[e].learning_rate);
  }
  EXPECT_EQ(gpu.scored, cpu.scored);
  const fused::Score judged = fused::score(blobs.data(), gpu.scored, gpu.scored_logits);
  EXPECT_NEAR(judged.loss, gpu.history.back().val_loss, 1e-5);
  EXPECT_NEAR(judged.accuracy, gpu.history.back().val_accuracy, 1e-9);
  EXPECT_NEAR(gpu.temperature, cpu.temperature, 0.05 * cpu.temperature);
}

std::vector<Case> cases() {
  const auto data = [](std::size_t samples, std::size_t dim, std::size_t classes,
                       bool multi = false) {
    return test::Blobs::Options{
        .samples = samples, .dim = dim, .classes = classes, .multi_label = multi};
  };
  test::Blobs::Options halves = data(200, 70, 5);
  halves.dtype = DType::f16;
  std::vector<Case> all = {
      {.name = "OneStep", .data = data(32, 64, 3)},
      {.name = "OneStepSgd", .data = data(32, 64, 3), .optimizer = Optimizer::sgd},
      {.name = "OddSizes", .data = data(150, 37, 3)},
      {.name = "HalfFeatures", .data = halves},
      {.name = "Sgd", .data = data(150, 37, 3), .optimizer = Optimizer::sgd, .epochs = 2},
      {.name = "BatchBeyondTheData", .data = data(50, 37, 3), .batch = 64, .epochs = 2},
      {.name = "BatchOfOne", .data = data(24, 20, 2), .batch = 1},
      {.name = "SeveralTilesOfRows", .data = data(400, 100, 70), .batch = 150},
      {.name = "Smoothed", .data = data(150, 37, 5), .smoothing = 0.1},
      {.name = "Balanced", .data = data(150, 37, 5), .smoothing = 0.05, .balanced = true},
      {.name = "MultiLabel", .data = data(150, 37, 5, true), .smoothing = 0.1},
      {.name = "MultiLabelBalanced", .data = data(150, 37, 5, true), .balanced = true},
  };
  const std::size_t linear = all.size();
  for (std::size_t i = 0; i < linear; ++i) {
    Case products = all[i];
    products.name += "ByCublas";
    products.small_step = false;
    all.push_back(products);
    Case mlp = all[i];
    mlp.name += "Mlp";
    mlp.head = "mlp";
    all.push_back(mlp);
  }
  Case dropout{.name = "DropoutMlp", .data = data(150, 37, 3), .head = "mlp"};
  dropout.dropout = 0.5;
  all.push_back(dropout);
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, HeadGpuCase, testing::ValuesIn(cases()),
                         [](const auto& each) { return each.param.name; });

/// Real-looking features: standardisation and fp16 rounding matter.
test::Blobs blobs_with_val(DType dtype = DType::f32) {
  test::Blobs blobs({.samples = 500, .dim = 70, .classes = 4, .dtype = dtype});
  blobs.hold_out(100);
  return blobs;
}

TEST_F(HeadGpu, LearnsWithEveryHeadAndOptimiser) {
  const test::Blobs blobs = blobs_with_val();
  for (const std::string head : {"linear", "mlp"}) {
    for (const Optimizer optimizer : {Optimizer::adamw, Optimizer::sgd}) {
      Case c{.name = "", .data = {}, .head = head, .optimizer = optimizer, .epochs = 15};
      c.dropout = 0.3;
      const TrainOutcome outcome = fit(blobs, config_of(c), TrainDevice::cuda);
      EXPECT_EQ(outcome.head.kind, head);
      EXPECT_GT(blobs.accuracy(outcome.head, blobs.val), 0.9) << head;
      EXPECT_LT(outcome.history.back().train_loss, 0.5 * outcome.history.front().train_loss);
      const auto logits = outcome.head.logits(blobs.features_of(blobs.val), blobs.val.size());
      for (std::size_t i = 0; i < logits.size(); ++i) {
        ASSERT_NEAR(logits[i], outcome.scored_logits[i], 2e-2 * (1 + std::abs(logits[i])));
      }
    }
  }
}

TEST_F(HeadGpu, ASeedGivesTheSameBits) {
  const test::Blobs blobs = blobs_with_val(DType::f16);
  for (const std::string head : {"linear", "mlp"}) {
    Case c{.name = "", .data = {}, .head = head, .epochs = 4};
    c.dropout = 0.5;
    TrainConfig config = config_of(c);
    const TrainOutcome once = fit(blobs, config, TrainDevice::cuda);
    expect_same_bits(fit(blobs, config, TrainDevice::cuda), once);
    options().overlap = false;
    expect_same_bits(fit(blobs, config, TrainDevice::cuda), once);
    options().overlap = true;
    config.seed = 1;
    EXPECT_NE(fit(blobs, config, TrainDevice::cuda).head.layers[0].weight,
              once.head.layers[0].weight);
  }
}

TEST_F(HeadGpu, StreamedEqualsResident) {
  for (const DType dtype : {DType::f32, DType::f16}) {
    test::Blobs blobs({.samples = 3000, .dim = 2000, .classes = 4, .dtype = dtype});
    blobs.hold_out(500);
    for (const std::string head : {"linear", "mlp"}) {
      Case c{.name = "", .data = {}, .head = head, .batch = 50, .epochs = 2};
      options() = {};
      const TrainOutcome resident = fit(blobs, config_of(c), TrainDevice::cuda);
      EXPECT_EQ(resident.details["features"], "resident");
      // Less than the run took by a fifth of its rows.
      options().memory = resident.details["gpu_memory"].get<std::size_t>() - (std::size_t{2} << 20);
      const TrainOutcome streamed = fit(blobs, config_of(c), TrainDevice::cuda);
      EXPECT_EQ(streamed.details["features"], "streamed");
      EXPECT_LE(streamed.details["gpu_memory"].get<std::size_t>(), options().memory);
      expect_same_bits(streamed, resident);
    }
  }
}

TEST_F(HeadGpu, AResumedRunEndsAsAnUndisturbedOne) {
  const test::Blobs blobs = blobs_with_val();
  const test::TempFolder folder;
  for (const std::string head : {"linear", "mlp"}) {
    Case c{.name = "", .data = {}, .head = head, .epochs = 6};
    c.dropout = 0.5;
    TrainConfig config = config_of(c);
    config.schedule = Schedule::constant;  // may be prolonged
    config.patience = 5;
    const TrainOutcome expected = fit(blobs, config, TrainDevice::cuda);
    config.checkpoint = folder / (head + ".checkpoint");
    config.epochs = 3;
    (void)fit(blobs, config, TrainDevice::cuda);
    config.epochs = 6;
    config.resume = true;
    const TrainOutcome resumed = fit(blobs, config, TrainDevice::cuda);
    EXPECT_EQ(resumed.details["resumed_after_epoch"], 3);
    expect_same_bits(resumed, expected);
  }
}

TEST_F(HeadGpu, ContinuesARunOfTheCpuAndTheOtherWayRound) {
  const test::Blobs blobs = blobs_with_val();
  const test::TempFolder folder;
  Case c{.name = "", .data = {}, .optimizer = Optimizer::sgd, .epochs = 4};
  TrainConfig config = config_of(c);
  config.schedule = Schedule::constant;
  const TrainOutcome expected = fit(blobs, config, TrainDevice::cpu);
  config.resume = true;
  for (const bool gpu_first : {true, false}) {
    config.checkpoint = folder / (gpu_first ? "gpu" : "cpu");
    config.epochs = 2;
    (void)fit(blobs, config, gpu_first ? TrainDevice::cuda : TrainDevice::cpu);
    config.epochs = 4;
    const auto outcome = fit(blobs, config, gpu_first ? TrainDevice::cpu : TrainDevice::cuda);
    EXPECT_EQ(outcome.details["resumed_after_epoch"], 2);
    EXPECT_LT(distance(outcome.head, expected.head), 1e-2);
  }
}

TEST_F(HeadGpu, StopsEarlyAndKeepsTheBestEpoch) {
  // Coin-toss labels: the validation loss soon only rises.
  test::Blobs blobs({.samples = 150, .dim = 100, .classes = 2, .spread = 0});
  blobs.hold_out(50);
  TrainConfig config = config_of({.name = "", .data = {}, .epochs = 60});
  config.patience = 4;
  const TrainOutcome outcome = fit(blobs, config, TrainDevice::cuda);
  ASSERT_LT(outcome.history.size(), 60U);
  const auto best = std::ranges::min_element(outcome.history, {}, &EpochRecord::val_loss);
  EXPECT_EQ(best->epoch + 4, static_cast<int>(outcome.history.size()));
  EXPECT_EQ(outcome.details["best_epoch"], best->epoch);
  const auto kept = fused::score(blobs.data(), blobs.val, outcome.scored_logits);
  EXPECT_NEAR(kept.loss, best->val_loss, 1e-5);
}

void expect_refused(const std::function<void()>& run, ErrorKind kind, const std::string& words) {
  try {
    run();
    FAIL() << "not refused: " << words;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_THAT(error.what(), testing::HasSubstr(words));
    EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\n")));
  }
}

TEST_F(HeadGpu, RefusesFeaturesThatAreNoNumbers) {
  for (const DType dtype : {DType::f32, DType::f16}) {
    test::Blobs blobs = blobs_with_val(dtype);
    const std::size_t at = blobs.row_of[blobs.val[3]] * blobs.o.dim + 5;
    blobs.values[at] = std::numeric_limits<float>::quiet_NaN();
    blobs.halves[at] = 0x7E00;
    const TrainConfig config = config_of({.name = "", .data = {}});
    expect_refused([&] { (void)fit(blobs, config, TrainDevice::cuda); }, ErrorKind::bad_input,
                   "sample " + std::to_string(blobs.val[3]) + " hold NaN");
  }
}

TEST_F(HeadGpu, RefusesLbfgsAndSaysWhatToUse) {
  TrainConfig config = config_of({.name = "", .data = {}});
  config.optimizer = Optimizer::lbfgs;
  expect_refused([&] { (void)fit(blobs_with_val(), config, TrainDevice::cuda); }, ErrorKind::usage,
                 "choose adamw or sgd");
  const auto outcome = fit(blobs_with_val(), config, TrainDevice::automatic);
  EXPECT_EQ(outcome.details["device"], "cpu");
}

TEST_F(HeadGpu, AutomaticTakesTheGpu) {
  const TrainConfig config = config_of({.name = "", .data = {}});
  EXPECT_EQ(fit(blobs_with_val(), config, TrainDevice::automatic).details["device"], "cuda");
}

TEST_F(HeadGpu, TooLittleMemoryIsOneClearError) {
  options().memory = std::size_t{1} << 20;
  const TrainConfig config = config_of({.name = "", .data = {}});
  expect_refused([&] { (void)fit(blobs_with_val(), config, TrainDevice::cuda); },
                 ErrorKind::unavailable, "of GPU memory");
}

TEST_F(HeadGpu, SaysWhenTrainingDiverges) {
  TrainConfig config =
      config_of({.name = "", .data = {}, .head = "mlp", .optimizer = Optimizer::sgd, .epochs = 30});
  config.learning_rate = 1e12;
  expect_refused([&] { (void)fit(blobs_with_val(), config, TrainDevice::cuda); }, ErrorKind::usage,
                 "lower the learning rate");
}

}  // namespace
}  // namespace caft
