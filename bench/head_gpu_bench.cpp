// Times head training on the GPU on synthetic fp16 features and prints one JSON document: for each
// case the median epoch, as EpochRecord::milliseconds has it (training alone, without validation).
// bench/peer_head_gpu.py times PyTorch on the same cases.
// usage: head_gpu_bench [--epochs N] [--case NAME] [--no-overlap] [--cublas]
//   --no-overlap: without programmatic dependent launches; --cublas: without the fused small step
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "caft/core/dtype.hpp"
#include "caft/core/error.hpp"
#include "caft/head/trainer.hpp"
#include "core/plugin.hpp"
#include "head/cuda/options.hpp"

namespace {

struct Case {
  std::string name, head;
  std::size_t samples, dim, classes;
  int batch;
};

const std::vector<Case> kCases = {
    {"linear 2048-101, 9144, batch 64", "linear", 9144, 2048, 101, 64},
    {"linear 1280-101, 9144, batch 64", "linear", 9144, 1280, 101, 64},
    {"mlp 2048-512-101, 9144, batch 64", "mlp", 9144, 2048, 101, 64},
    {"linear 2048-1000, 1.28M, batch 4096", "linear", 1'280'000, 2048, 1000, 4096},
    {"mlp 2048-512-1000, 1.28M, batch 4096", "mlp", 1'280'000, 2048, 1000, 4096},
};

/// Noise around a class centre, the same everywhere: a plain congruential generator. Beyond the
/// first `kDistinct`, rows repeat: making a billion values would take longer than training on them.
class Synthetic {
 public:
  explicit Synthetic(const Case& c) : case_(c), rows_(c.samples * c.dim) {
    constexpr std::size_t kDistinct = 9144;
    std::vector<float> centres(c.classes * c.dim), row(c.dim);
    for (float& value : centres) value = noise();
    for (std::size_t i = 0; i < c.samples; ++i) {
      const std::size_t label = i % kDistinct % c.classes;
      if (i < kDistinct) {
        for (std::size_t j = 0; j < c.dim; ++j) {
          row[j] = 0.06F * centres[label * c.dim + j] + noise();
        }
        caft::float_to_half(row.data(), &rows_[i * c.dim], c.dim);
      } else {
        std::memcpy(&rows_[i * c.dim], &rows_[i % kDistinct * c.dim], c.dim * sizeof rows_[0]);
      }
      labels_.push_back(static_cast<std::int32_t>(label));
      index_.push_back(static_cast<std::uint32_t>(i));
    }
  }

  /// The first sample is the validation part.
  [[nodiscard]] caft::TrainingData data() const {
    const std::span<const std::uint32_t> all(index_);
    return {.features = {rows_.data(), caft::DType::f16, case_.samples, case_.dim},
            .row_of = all,
            .labels = labels_,
            .multi_hot = {},
            .classes = case_.classes,
            .train = all.subspan(1),
            .val = all.first(1)};
  }

 private:
  float noise() {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<float>(static_cast<double>(state_ >> 40) / (1 << 23) - 1);
  }

  Case case_;
  std::uint64_t state_ = 1;
  std::vector<std::uint16_t> rows_;
  std::vector<std::int32_t> labels_;
  std::vector<std::uint32_t> index_;
};

nlohmann::json run_case(const Case& c, int epochs) {
  const Synthetic synthetic(c);
  caft::TrainConfig config;
  config.head = c.head;
  config.optimizer = caft::Optimizer::adamw;
  config.schedule = caft::Schedule::constant;
  config.epochs = epochs;
  config.batch = c.batch;
  config.device = caft::TrainDevice::cuda;
  const caft::TrainOutcome outcome =
      caft::make_trainer(c.head)->train(synthetic.data(), config, nullptr);
  std::vector<double> times;
  for (const auto& record : outcome.history) times.push_back(record.milliseconds);
  times.erase(times.begin());  // the first also captures the graph
  std::ranges::sort(times);
  const double median = times[times.size() / 2];
  const double steps = static_cast<double>((c.samples - 1 + static_cast<std::size_t>(c.batch) - 1) /
                                           static_cast<std::size_t>(c.batch));
  return {{"case", c.name},
          {"epoch_ms", median},
          {"least_ms", times.front()},
          {"first_ms", outcome.history.front().milliseconds},
          {"us_a_step", median * 1000 / steps},
          {"first_loss", outcome.history.front().train_loss},
          {"last_loss", outcome.history.back().train_loss},
          {"seconds_with_setup", outcome.seconds},
          {"details", outcome.details}};
}

int run(int argc, char** argv) {
  using Options = caft::cuda::HeadOptions* (*)();
  caft::cuda::HeadOptions& options =
      *reinterpret_cast<Options>(caft::plugin_symbol("caft_cuda", "caft_cuda_head_options"))();
  int epochs = 20;
  std::string only;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--epochs" && i + 1 < argc) {
      epochs = std::atoi(argv[++i]);
    } else if (option == "--case" && i + 1 < argc) {
      only = argv[++i];
    } else if (option == "--no-overlap") {
      options.overlap = false;
    } else if (option == "--cublas") {
      options.small_step = false;
    } else {
      throw caft::Error(caft::ErrorKind::usage, "unknown option " + option,
                        "head_gpu_bench [--epochs N] [--case NAME] [--no-overlap] [--cublas]");
    }
  }
  if (epochs < 2) throw caft::Error(caft::ErrorKind::usage, "--epochs must be at least 2");
  nlohmann::json result = nlohmann::json::array();
  for (const Case& c : kCases) {
    if (c.name.find(only) != std::string::npos) result.push_back(run_case(c, epochs));
  }
  std::printf("%s\n", result.dump(2).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "head_gpu_bench: %s\n", error.what());
    return 1;
  }
}
