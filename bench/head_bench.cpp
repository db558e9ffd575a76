// Times head training on synthetic features and prints one JSON document, whose "epoch_ms" is the
// median epoch of a linear head by AdamW over f32 features on every core: what peer_head.py times
// in PyTorch. bench/run.py runs the two in turns, so that the ratio is taken in one run.
// usage: head_bench [--epochs N] [--all]: --all adds one thread, f16, mlp and L-BFGS.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "caft/core/dtype.hpp"
#include "caft/core/error.hpp"
#include "caft/head/trainer.hpp"

namespace {

struct Shape {
  std::size_t samples = 9144, dim = 1280, classes = 101;
};

/// Noise around a class centre, so that training has something to learn. A plain congruential
/// generator: the values do not matter, only that they are the same everywhere.
class Synthetic {
 public:
  Synthetic(const Shape& shape, caft::DType dtype)
      : shape_(shape), dtype_(dtype), centres_(shape.classes * shape.dim) {
    for (float& value : centres_) value = noise();
    std::vector<float> row(shape.dim);
    const std::size_t bytes = shape.dim * caft::size_of(dtype);
    data_.resize(shape.samples * bytes);
    for (std::size_t i = 0; i < shape.samples; ++i) {
      const std::size_t label = i % shape.classes;
      for (std::size_t j = 0; j < shape.dim; ++j) {
        row[j] = 0.06F * centres_[label * shape.dim + j] + noise();
      }
      if (dtype == caft::DType::f16) {
        caft::float_to_half(row.data(), reinterpret_cast<std::uint16_t*>(&data_[i * bytes]),
                            shape.dim);
      } else {
        std::memcpy(&data_[i * bytes], row.data(), bytes);
      }
      labels_.push_back(static_cast<std::int32_t>(label));
      index_.push_back(static_cast<std::uint32_t>(i));
    }
  }

  /// The first `val` samples are the validation part.
  [[nodiscard]] caft::TrainingData data(std::size_t val) const {
    const std::span<const std::uint32_t> all(index_);
    return {.features = {data_.data(), dtype_, shape_.samples, shape_.dim},
            .row_of = all,
            .labels = labels_,
            .multi_hot = {},
            .classes = shape_.classes,
            .train = all.subspan(val),
            .val = all.first(val)};
  }

 private:
  float noise() {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<float>(static_cast<double>(state_ >> 40) / (1 << 23) - 1);
  }

  Shape shape_;
  caft::DType dtype_;
  std::uint64_t state_ = 1;
  std::vector<float> centres_;
  std::vector<std::byte> data_;
  std::vector<std::int32_t> labels_;
  std::vector<std::uint32_t> index_;
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

nlohmann::json epochs(const Synthetic& synthetic, const std::string& head, int threads, int count) {
  caft::TrainConfig config;
  config.head = head;
  config.optimizer = caft::Optimizer::adamw;
  config.epochs = count;
  config.batch = 64;
  config.threads = threads;
  const auto outcome = caft::make_trainer(head)->train(synthetic.data(1), config, nullptr);
  std::vector<double> times;
  for (const auto& record : outcome.history) times.push_back(record.milliseconds);
  return {{"median_ms", median(times)},
          {"least_ms", *std::min_element(times.begin(), times.end())},
          {"last_loss", outcome.history.back().train_loss}};
}

nlohmann::json converge(const Shape& shape, int threads) {
  caft::TrainConfig config;
  config.threads = threads;
  const Synthetic synthetic(shape, caft::DType::f32);
  const auto outcome = caft::make_trainer("linear")->train(synthetic.data(0), config, nullptr);
  return {{"seconds", outcome.seconds},
          {"lambda", outcome.details["lambda"]},
          {"chosen_on", outcome.details["chosen_on"]},
          {"lambdas", outcome.details["path"].size()},
          {"iterations", outcome.details["iterations"]},
          {"converged", outcome.details["converged"]}};
}

int run(int argc, char** argv) {
  int count = 20;
  bool all = false;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--all") {
      all = true;
    } else if (option == "--epochs" && i + 1 < argc) {
      count = std::atoi(argv[++i]);
    } else if (option != "--json") {  // it prints nothing else
      throw caft::Error(caft::ErrorKind::usage, "unknown option " + option,
                        "head_bench [--json] [--epochs N] [--all]");
    }
  }
  if (count < 1) throw caft::Error(caft::ErrorKind::usage, "--epochs must be at least 1");
  const Shape shape;
  const Synthetic f32(shape, caft::DType::f32);
  nlohmann::json result = epochs(f32, "linear", 0, count);
  result["epoch_ms"] = result["median_ms"];
  if (all) {
    const Synthetic f16(shape, caft::DType::f16);
    for (const int threads : {1, 2}) {
      nlohmann::json& part = result[std::to_string(threads) + " threads"];
      part["linear f32"] = epochs(f32, "linear", threads, count);
      part["linear f16"] = epochs(f16, "linear", threads, count);
      part["mlp f16"] = epochs(f16, "mlp", threads, 3);
      part["lbfgs 1968x1280x2"] = converge({1968, 1280, 2}, threads);
      part["lbfgs 9144x1280x101"] = converge(shape, threads);
    }
  }
  std::printf("%s\n", result.dump(2).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "head_bench: %s\n", error.what());
    return 1;
  }
}
