// The same numbers as scikit-learn and PyTorch: caft trains and writes what it did, parity.py
// repeats it with the library and compares.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <random>

#include "blobs.hpp"
#include "caft/core/safetensors.hpp"
#include "head/fused/features.hpp"
#include "head/fused/loss.hpp"
#include "head/fused/network.hpp"
#include "head/fused/random.hpp"
#include "temp_folder.hpp"

namespace caft {
namespace {

/// Tensors and settings for parity.py.
class Exchange {
 public:
  void add(const std::string& name, const std::vector<float>& values,
           std::vector<std::uint64_t> shape) {
    specs_.push_back({name, DType::f32, std::move(shape)});
    bytes_.emplace_back(std::as_bytes(std::span(values)).begin(),
                        std::as_bytes(std::span(values)).end());
  }
  template <typename T>
  void add_integers(const std::string& name, const std::vector<T>& values) {
    add(name, {values.begin(), values.end()}, {values.size()});
  }

  void check(const nlohmann::json& settings) const {
    const test::TempFolder folder;
    const std::vector<std::span<const std::byte>> data(bytes_.begin(), bytes_.end());
    write_safetensors(folder / "tensors", specs_, data);
    std::ofstream(folder / "settings.json") << settings.dump();
    const std::string command = std::string("\"") + CAFT_PYTHON + "\" \"" + CAFT_SOURCE_DIR +
                                "/tests/head/parity.py\" \"" + folder.path().string() + "\"";
    EXPECT_EQ(std::system(command.c_str()), 0) << settings.dump();
  }

 private:
  std::vector<SafeTensorSpec> specs_;
  std::vector<std::vector<std::byte>> bytes_;
};

void add_data(Exchange& exchange, const test::Blobs& blobs) {
  exchange.add("x", blobs.features_of(blobs.train), {blobs.train.size(), blobs.o.dim});
  if (blobs.o.multi_label) {
    std::vector<float> targets;
    for (const std::uint32_t i : blobs.train) {
      for (std::size_t c = 0; c < blobs.o.classes; ++c) {
        targets.push_back(blobs.multi_hot[i * blobs.o.classes + c]);
      }
    }
    exchange.add("targets", targets, {blobs.train.size(), blobs.o.classes});
    return;
  }
  std::vector<std::int32_t> labels;
  for (const std::uint32_t i : blobs.train) labels.push_back(blobs.labels[i]);
  exchange.add_integers("labels", labels);
}

void add_head(Exchange& exchange, const Head& head) {
  for (std::size_t l = 0; l < head.layers.size(); ++l) {
    const DenseLayer& layer = head.layers[l];
    exchange.add("weight" + std::to_string(l), layer.weight, {layer.outputs, layer.inputs});
    exchange.add("bias" + std::to_string(l), layer.bias, {layer.outputs});
  }
}

TEST(Parity, LogisticRegressionIsScikitLearns) {
  for (const bool multi_label : {false, true}) {
    for (const bool balanced : {false, true}) {
      const test::Blobs blobs(
          {.samples = 300, .dim = 25, .classes = 3, .spread = 0.3, .multi_label = multi_label});
      TrainConfig config;
      config.l2 = {0.01};
      config.balanced = balanced;
      const TrainOutcome outcome = make_trainer("linear")->train(blobs.data(), config, nullptr);
      Exchange exchange;
      add_data(exchange, blobs);
      add_head(exchange, outcome.head);
      exchange.check({{"check", "logistic"},
                      {"lambda", 0.01},
                      {"balanced", balanced},
                      {"objective", outcome.details["objective"]}});
    }
  }
}

/// Repeats a run of mini-batches in PyTorch from the same initial weights, in the same order.
void check_optimiser(const std::string& head, Optimizer optimizer, bool multi_label) {
  test::Blobs blobs(
      {.samples = 203, .dim = 33, .classes = 4, .spread = 0.4, .multi_label = multi_label});
  blobs.hold_out(20);
  TrainConfig config;
  config.head = head;
  config.optimizer = optimizer;
  config.epochs = 3;
  config.batch = 16;
  config.learning_rate = optimizer == Optimizer::adamw ? 1e-2 : 0.05;
  config.weight_decay = 0.02;
  config.label_smoothing = 0.1;
  config.balanced = !multi_label;
  config.hidden = 18;
  config.dropout = 0;
  config.seed = 11;
  const TrainingData data = blobs.data();
  const TrainOutcome outcome = make_trainer(head)->train(data, config, nullptr);

  Exchange exchange;
  add_data(exchange, blobs);
  add_head(exchange, outcome.head);
  fused::ThreadTeam team(1);
  const fused::StandardizedFeatures features(data, team);
  const fused::Loss loss(data, config.balanced, config.label_smoothing);
  const fused::NetworkShape shape{.classes = 4, .hidden = head == "mlp" ? 18U : 0U, .batch = 16};
  const fused::Network initial(features, loss, shape, config.seed, team);
  for (std::size_t l = 0; l < initial.layers().size(); ++l) {
    const auto& layer = initial.layers()[l];
    const auto weight = layer.weight.span();
    exchange.add("initial" + std::to_string(l), {weight.begin(), weight.end()},
                 {layer.outputs, layer.stride});
  }
  std::vector<float> losses;
  for (int epoch = 1; epoch <= 3; ++epoch) {
    auto order = blobs.train;  // samples 0 … n-1, so they are places in x too
    fused::shuffle(order, config.seed, static_cast<std::uint64_t>(epoch));
    exchange.add_integers("order" + std::to_string(epoch), order);
    losses.push_back(
        static_cast<float>(outcome.history[static_cast<std::size_t>(epoch - 1)].train_loss));
  }
  exchange.add("losses", losses, {3});
  exchange.check({{"check", "optimiser"},
                  {"optimizer", optimizer == Optimizer::adamw ? "adamw" : "sgd"},
                  {"learning_rate", config.learning_rate},
                  {"momentum", config.momentum},
                  {"weight_decay", config.weight_decay},
                  {"label_smoothing", config.label_smoothing},
                  {"balanced", config.balanced},
                  {"batch", 16}});
}

TEST(Parity, AdamWIsPyTorchs) {
  check_optimiser("linear", Optimizer::adamw, false);
  check_optimiser("mlp", Optimizer::adamw, false);
}

TEST(Parity, SgdIsPyTorchs) {
  check_optimiser("mlp", Optimizer::sgd, false);
  check_optimiser("linear", Optimizer::sgd, true);
}

TEST(Parity, MetricsAreScikitLearns) {
  for (const std::size_t classes : {2, 7}) {
    for (const bool multi_label : {false, true}) {
      std::mt19937 random(static_cast<unsigned>(classes));
      std::normal_distribution<float> normal;
      const std::size_t n = 400;
      std::vector<float> logits(n * classes);
      std::vector<std::int32_t> labels(n);
      std::vector<std::uint8_t> targets(n * classes);
      for (std::size_t i = 0; i < n; ++i) {
        labels[i] = static_cast<std::int32_t>(random() % classes);
        for (std::size_t c = 0; c < classes; ++c) {
          const bool truth = multi_label ? random() % 3 == 0 : labels[i] == static_cast<int>(c);
          targets[i * classes + c] = truth ? 1 : 0;
          // Few distinct values, so that scores tie.
          logits[i * classes + c] = std::round(2 * (normal(random) + (truth ? 1 : 0))) / 2 +
                                    (multi_label ? 0 : 1e-3F * static_cast<float>(c));
        }
      }
      Metrics m;
      if (multi_label) {
        sigmoid_all(logits);
        m = evaluate_multi_label(logits, targets, classes);
      } else {
        softmax_rows(logits, classes);
        m = evaluate(logits, labels, classes);
      }
      nlohmann::json settings = {{"check", "metrics"},       {"multi_label", multi_label},
                                 {"accuracy", m.accuracy},   {"top5", m.top5},
                                 {"macro_f1", m.macro_f1},   {"loss", m.loss},
                                 {"confusion", m.confusion}, {"ece", m.ece}};
      if (m.roc_auc) settings["roc_auc"] = *m.roc_auc;
      for (const ClassMetrics& c : m.per_class) {
        settings["per_class"].push_back({c.precision, c.recall, c.f1, c.support});
      }
      Exchange exchange;
      exchange.add("probabilities", logits, {n, classes});
      exchange.add_integers("labels", labels);
      exchange.add("targets", {targets.begin(), targets.end()}, {n, classes});
      exchange.check(settings);
    }
  }
}

}  // namespace
}  // namespace caft
