// Times many linear heads over the same synthetic features, and prints one JSON document: 64 heads
// by AdamW (what peer_sweep.py does one head after the other in PyTorch), a path of L2 strengths to
// convergence (what peer_path.py does with scikit-learn), the best validation accuracy that the two
// ways find, or an audit. The features are written to FILE, which the peers read.
//
// usage: sweep_bench heads|path|best|audit FILE
//        [--rows N] [--dim N] [--classes N] [--epochs N] [--lambdas N] [--heads N]
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "caft/core/error.hpp"
#include "caft/lab/audit.hpp"
#include "caft/lab/sweep.hpp"
#include "head/fused/head_stack.hpp"
#include "head/fused/lambda_plan.hpp"
#include "head/fused/logistic.hpp"
#include "head/fused/problem.hpp"

namespace {

using Clock = std::chrono::steady_clock;

/// Wall time, and processor time of all threads: on a machine that others use too, the latter tells
/// more.
class Stopwatch {
 public:
  void stop(nlohmann::json& result) const {
    result["seconds"] = std::chrono::duration<double>(Clock::now() - start_).count();
    result["cpu_seconds"] = static_cast<double>(std::clock() - cpu_) / CLOCKS_PER_SEC;
  }

 private:
  Clock::time_point start_ = Clock::now();
  std::clock_t cpu_ = std::clock();
};

/// Noise around class centres; sample i is of class i mod classes.
struct Synthetic {
  Synthetic(std::size_t rows, std::size_t width, std::size_t count)
      : dim(width), classes(count), values(rows * width) {
    std::vector<float> centres(classes * dim);
    for (float& value : centres) value = noise();
    for (std::size_t i = 0; i < rows; ++i) {
      labels.push_back(static_cast<std::int32_t>(i % classes));
      index.push_back(static_cast<std::uint32_t>(i));
      for (std::size_t j = 0; j < dim; ++j) {
        values[i * dim + j] = 0.06F * centres[i % classes * dim + j] + noise();
      }
    }
  }
  float noise() {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<float>(static_cast<double>(state >> 40) / (1 << 23) - 1);
  }
  /// The first `val` samples are the validation part.
  [[nodiscard]] caft::TrainingData data(std::size_t val) const {
    const std::span<const std::uint32_t> all(index);
    return {.features = {values.data(), caft::DType::f32, labels.size(), dim},
            .row_of = all,
            .labels = labels,
            .multi_hot = {},
            .classes = classes,
            .train = all.subspan(val),
            .val = all.first(val)};
  }
  std::size_t dim, classes;
  std::uint64_t state = 1;
  std::vector<float> values;
  std::vector<std::int32_t> labels;
  std::vector<std::uint32_t> index;
};

/// 64 learning rates and weight decays: 8 x 8, from 1e-4 to 0.1 and from 1e-5 to 0.1.
std::vector<caft::TrainConfig> grid(int epochs, int count) {
  std::vector<caft::TrainConfig> configs;
  for (int i = 0; i < count; ++i) {
    caft::TrainConfig config;
    config.optimizer = caft::Optimizer::adamw;
    config.epochs = epochs;
    config.batch = 64;
    config.learning_rate = std::pow(10.0, -4 + 3.0 * (i / 8) / 7);
    config.weight_decay = std::pow(10.0, -5 + 4.0 * (i % 8) / 7);
    configs.push_back(config);
  }
  return configs;
}

nlohmann::json heads(const Synthetic& synthetic, int epochs, int count, std::size_t val) {
  const Stopwatch watch;
  const caft::TrainingData data = synthetic.data(val);
  caft::fused::ThreadTeam team(0);
  const caft::fused::StandardizedFeatures features(data, team);
  const caft::fused::Loss loss(data, false, 0);
  const auto configs = grid(epochs, count);
  const std::size_t most = caft::fused::heads_in_cache(features.stride(), data.classes);
  const std::size_t stacks = (configs.size() + most - 1) / most;
  std::atomic<std::size_t> next{0};
  std::vector<double> accuracy(configs.size());
  team.run([&](int) {
    caft::fused::ThreadTeam alone(1);
    for (std::size_t s; (s = next++) < stacks;) {
      std::vector<caft::fused::StackedHead> stack;
      const std::size_t first = configs.size() * s / stacks;
      for (std::size_t c = first; c < configs.size() * (s + 1) / stacks; ++c) {
        stack.push_back({configs[c], &loss});
      }
      const auto outcomes = caft::fused::train_stack(features, data, data.train, {}, stack);
      for (std::size_t h = 0; h < stack.size(); ++h) {
        if (outcomes[h].weight.empty() || val == 0) continue;
        const auto logits =
            caft::fused::predict(features, outcomes[h].weight, data.classes, data.val, alone);
        accuracy[first + h] = caft::fused::score(data, data.val, logits).accuracy;
      }
    }
  });
  nlohmann::json result = {{"stack", most},
                           {"best", *std::max_element(accuracy.begin(), accuracy.end())}};
  watch.stop(result);
  return result;
}

/// All lambdas, warm from one to the next.
nlohmann::json path(const Synthetic& synthetic, std::size_t lambdas, std::size_t val) {
  const Stopwatch watch;
  const caft::TrainingData data = synthetic.data(val);
  caft::fused::ThreadTeam team(0);
  const caft::fused::StandardizedFeatures features(data, team);
  const caft::fused::Loss loss(data, false, 0);
  caft::fused::LogisticStack stack(features, loss, data.classes, data.train, {}, {-1}, 10, team);
  nlohmann::json result = {{"path", nlohmann::json::array()}};
  double best = 0;
  for (const double lambda : caft::lab::path(lambdas)) {
    stack.set_lambda(lambda, caft::fused::path_limits(lambda));
    stack.minimise();
    result["path"].push_back({lambda, stack.solver(0).value(), stack.solver(0).iterations()});
    if (val == 0) continue;
    const auto logits =
        caft::fused::predict(features, stack.solver(0).point(), data.classes, data.val, team);
    best = std::max(best, caft::fused::score(data, data.val, logits).accuracy);
  }
  watch.stop(result);
  result["best"] = best;
  return result;
}

/// The whole audit of rows that are all different images of one split.
nlohmann::json audit(const Synthetic& synthetic) {
  std::vector<caft::SampleKey> keys(synthetic.labels.size());
  for (std::size_t i = 0; i < keys.size(); ++i) std::memcpy(keys[i].bytes.data(), &i, sizeof(i));
  const std::vector<caft::Split> splits(keys.size(), caft::Split::train);
  const auto found = caft::lab::audit(synthetic.data(0), keys, splits);
  return {{"seconds_labels", found.seconds_labels},
          {"seconds_neighbors", found.seconds_neighbors},
          {"seconds", found.seconds_labels + found.seconds_neighbors},
          {"accuracy", found.out_of_fold_accuracy}};
}

int run(int argc, char** argv) {
  if (argc < 3) throw caft::Error(caft::ErrorKind::usage, "sweep_bench heads|path|best|audit FILE");
  const std::string what = argv[1];
  std::map<std::string, std::size_t> options{{"--rows", 9144},   {"--dim", 2048},
                                             {"--classes", 101}, {"--epochs", 2},
                                             {"--lambdas", 45},  {"--heads", 64}};
  for (int i = 3; i + 1 < argc; i += 2) options.at(argv[i]) = std::stoul(argv[i + 1]);
  const Synthetic synthetic(options["--rows"], options["--dim"], options["--classes"]);
  std::ofstream(argv[2], std::ios::binary)
      .write(reinterpret_cast<const char*>(synthetic.values.data()),
             static_cast<std::streamsize>(synthetic.values.size() * sizeof(float)));
  if (what == "audit") {
    std::printf("%s\n", audit(synthetic).dump().c_str());
    return 0;
  }
  const std::size_t fifth = options["--rows"] / 5;
  nlohmann::json result;
  if (what == "heads") {
    result = heads(synthetic, static_cast<int>(options["--epochs"]),
                   static_cast<int>(options["--heads"]), 0);
    result["epoch_seconds"] =
        result["seconds"].get<double>() / static_cast<double>(options["--epochs"]);
  } else if (what == "path") {
    result = path(synthetic, options["--lambdas"], 0);
  } else {  // the best validation accuracy that each way finds
    result["heads"] = heads(synthetic, static_cast<int>(options["--epochs"]),
                            static_cast<int>(options["--heads"]), fifth);
    result["path"] = path(synthetic, options["--lambdas"], fifth);
  }
  std::printf("%s\n", result.dump().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sweep_bench: %s\n", error.what());
    return 1;
  }
}
