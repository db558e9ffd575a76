// train_synthetic CACHE adamw|lbfgs [unsplit]
//
// Trains a linear head on a cache made by make_synthetic_cache (one epoch of AdamW with batches of
// 4,096, or L-BFGS with one lambda) and prints {"rows", "seconds", "train_loss", "steps"}. A
// hundredth of the rows judges, or with "unsplit" those that the trainer holds out by itself.
// bench/run.py measures its peak memory.
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "caft/cache/cache.hpp"
#include "caft/core/error.hpp"
#include "caft/head/trainer.hpp"

namespace {

using namespace caft;

struct Labels {
  std::vector<SampleKey> keys;
  std::vector<std::int32_t> labels;
};

std::uint8_t nibble(char digit) {
  return static_cast<std::uint8_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

/// labels.csv: a heading, then key (32 hexadecimal digits), label.
Labels read_labels(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) throw Error(ErrorKind::not_found, "cannot open " + file.string());
  Labels result;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    SampleKey key;
    for (std::size_t i = 0; i < key.bytes.size(); ++i) {
      key.bytes[i] =
          static_cast<std::uint8_t>(nibble(line.at(2 * i)) << 4 | nibble(line.at(2 * i + 1)));
    }
    result.keys.push_back(key);
    result.labels.push_back(std::stoi(line.substr(33)));
  }
  return result;
}

void run(const std::string& folder, const std::string& optimizer, bool unsplit) {
  Labels read = read_labels(folder + "/labels.csv");
  const FeatureMatrix features = Cache::open(folder).read(read.keys);
  read.keys = {};
  std::vector<std::uint32_t> train, val;
  for (std::uint32_t i = 0; i < read.labels.size(); ++i) {
    (!unsplit && i % 100 == 0 ? val : train).push_back(i);
  }
  std::int32_t classes = 0;
  for (const std::int32_t label : read.labels) classes = std::max(classes, label + 1);
  const TrainingData data{.features = {.data = features.data.get(),
                                       .dtype = features.dtype,
                                       .rows = features.rows,
                                       .dim = features.dim},
                          .row_of = features.row_of,
                          .labels = read.labels,
                          .classes = static_cast<std::size_t>(classes),
                          .train = train,
                          .val = val};
  TrainConfig config;
  config.optimizer = optimizer == "lbfgs" ? Optimizer::lbfgs : Optimizer::adamw;
  config.epochs = 1;
  config.batch = 4096;
  config.l2 = {0.1};
  const TrainOutcome outcome = make_trainer("linear")->train(data, config, nullptr);
  std::printf("{\"rows\": %zu, \"seconds\": %.2f, \"train_loss\": %.5f, \"steps\": %zu}\n",
              features.rows, outcome.seconds, outcome.history.back().train_loss,
              outcome.history.size());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const bool unsplit = argc == 4 && std::string(argv[3]) == "unsplit";
    if (argc != 3 && !unsplit) {
      throw Error(ErrorKind::usage, "usage: train_synthetic CACHE adamw|lbfgs [unsplit]");
    }
    run(argv[1], argv[2], unsplit);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
