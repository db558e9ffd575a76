// Checkpoints: a resumed run ends bit for bit as an undisturbed one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>

#include "blobs.hpp"
#include "caft/core/error.hpp"
#include "caft/core/safetensors.hpp"
#include "temp_folder.hpp"

namespace caft {
namespace {

/// Kills the process outright when an epoch is reported.
class KillAt final : public ProgressSink {
 public:
  explicit KillAt(std::uint64_t epoch) : epoch_(epoch) {}
  void update(const std::string&, std::uint64_t done, std::uint64_t) override {
    if (done == epoch_) ::raise(SIGKILL);
  }
  void finish() override {}

 private:
  std::uint64_t epoch_;
};

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() : blobs_({.samples = 200, .dim = 40, .classes = 3}) {
    blobs_.hold_out(40);
    config_.head = "mlp";
    config_.optimizer = Optimizer::adamw;
    config_.epochs = 6;
    config_.hidden = 24;
    config_.learning_rate = 3e-3;
    config_.patience = 5;
    config_.threads = 2;
    file_ = folder_ / "run.checkpoint";
  }

  TrainOutcome fit(const TrainConfig& config, ProgressSink* progress = nullptr) const {
    return make_trainer(config.head)->train(blobs_.data(), config, progress);
  }

  TrainConfig with_checkpoint(bool resume) const {
    TrainConfig config = config_;
    config.checkpoint = file_;
    config.resume = resume;
    return config;
  }

  void expect_refused(const TrainConfig& config, ErrorKind kind, const std::string& word) const {
    try {
      (void)fit(config);
      FAIL() << word;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      EXPECT_THAT(error.what(), testing::HasSubstr(word));
    }
  }

  static void expect_same(const TrainOutcome& a, const TrainOutcome& b) {
    for (std::size_t l = 0; l < a.head.layers.size(); ++l) {
      EXPECT_EQ(a.head.layers[l].weight, b.head.layers[l].weight);
      EXPECT_EQ(a.head.layers[l].bias, b.head.layers[l].bias);
    }
    EXPECT_EQ(a.scored_logits, b.scored_logits);
    ASSERT_EQ(a.history.size(), b.history.size());
    for (std::size_t e = 0; e < a.history.size(); ++e) {
      EXPECT_EQ(a.history[e].train_loss, b.history[e].train_loss);
      EXPECT_EQ(a.history[e].val_loss, b.history[e].val_loss);
    }
  }

  test::TempFolder folder_;
  test::Blobs blobs_;
  TrainConfig config_;
  std::filesystem::path file_;
};

TEST_F(CheckpointTest, AKilledRunResumesToTheSameBits) {
  const TrainOutcome undisturbed = fit(config_);
  for (const Optimizer optimizer : {Optimizer::adamw, Optimizer::sgd}) {
    config_.optimizer = optimizer;
    const TrainOutcome expected = optimizer == Optimizer::adamw ? undisturbed : fit(config_);
    std::filesystem::remove(file_);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      KillAt kill(3);
      (void)fit(with_checkpoint(false), &kill);
      ::_exit(0);  // not reached: the sink kills the process
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    const TrainOutcome resumed = fit(with_checkpoint(true));
    EXPECT_EQ(resumed.details["resumed_after_epoch"], 3);
    expect_same(resumed, expected);
  }
}

TEST_F(CheckpointTest, ARunOfConstantRateMayBeProlonged) {
  config_.schedule = Schedule::constant;
  const TrainOutcome expected = fit(config_);
  TrainConfig half = with_checkpoint(false);
  half.epochs = 3;
  (void)fit(half);
  expect_same(fit(with_checkpoint(true)), expected);
  expect_same(fit(with_checkpoint(true)), expected);  // a finished run trains no further
}

TEST_F(CheckpointTest, ResumeWithoutAFileStartsAnew) {
  const TrainOutcome outcome = fit(with_checkpoint(true));
  EXPECT_FALSE(outcome.details.contains("resumed_after_epoch"));
  EXPECT_TRUE(std::filesystem::exists(file_));
}

TEST_F(CheckpointTest, RefusesAnotherRunsCheckpoint) {
  (void)fit(with_checkpoint(false));
  TrainConfig other = with_checkpoint(true);
  other.learning_rate = 1e-2;
  expect_refused(other, ErrorKind::mismatch, "learning_rate");
  other = with_checkpoint(true);
  other.epochs = 12;  // the cosine's length
  expect_refused(other, ErrorKind::mismatch, "epochs");
  other = with_checkpoint(true);
  other.hidden = 25;
  expect_refused(other, ErrorKind::mismatch, "hidden");
  blobs_.values[17] += 1;
  expect_refused(with_checkpoint(true), ErrorKind::mismatch, "features");
  blobs_.values[17] -= 1;
  std::swap(blobs_.train[0], blobs_.train[1]);
  expect_refused(with_checkpoint(true), ErrorKind::mismatch, "train");
}

TEST_F(CheckpointTest, RefusesDamagedCheckpoints) {
  (void)fit(with_checkpoint(false));
  const auto good = SafeTensorsFile::open(file_);
  const auto rewrite = [&](const std::function<void(std::vector<SafeTensorSpec>&,
                                                    std::map<std::string, std::string>&)>& spoil) {
    std::vector<SafeTensorSpec> specs;
    std::vector<std::vector<std::byte>> bytes;
    for (const SafeTensorInfo& tensor : good.tensors()) {
      specs.push_back({tensor.name, tensor.dtype, tensor.shape});
      bytes.push_back(good.read(tensor.name));
    }
    auto metadata = good.metadata();
    spoil(specs, metadata);
    const std::vector<std::span<const std::byte>> spans(bytes.begin(), bytes.end());
    write_safetensors(file_, specs, spans, metadata);
    expect_refused(with_checkpoint(true), ErrorKind::bad_input, file_.string());
  };
  rewrite([](auto&, auto& metadata) { metadata["format"] = "another"; });
  rewrite([](auto&, auto& metadata) { metadata.erase("state"); });
  rewrite([](auto&, auto& metadata) { metadata["state"] = "{"; });
  rewrite([](auto&, auto& metadata) {
    metadata["state"] = R"({"best_epoch": 99, "best_loss": 0, "history": []})";
  });
  rewrite([](auto&, auto& metadata) { metadata["state"] = R"({"best_epoch": "one"})"; });
  rewrite([](auto& specs, auto&) { specs[0].name = "layers.9.weight"; });
  rewrite([](auto& specs, auto&) { std::swap(specs[0].shape[0], specs[0].shape[1]); });
  std::ofstream(file_, std::ios::trunc) << "not a checkpoint";
  expect_refused(with_checkpoint(true), ErrorKind::bad_input, file_.string());
}

}  // namespace
}  // namespace caft
