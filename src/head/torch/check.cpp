#include "head/torch/check.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "caft/core/error.hpp"

namespace caft {
namespace {

void require(bool condition, const std::string& what, const std::string& remedy = {}) {
  if (!condition) throw Error(ErrorKind::usage, what, remedy);
}

void check_config(const TrainConfig& config, bool has_val) {
  require(config.optimizer != Optimizer::lbfgs,
          "L-BFGS needs the full batch and is for linear heads", "use adamw or sgd");
  require(config.epochs >= 1, "epochs must be at least 1");
  require(config.batch >= 1, "the batch must be at least 1");
  require(std::isfinite(config.learning_rate) && config.learning_rate > 0,
          "the learning rate must be a positive number");
  require(config.momentum >= 0 && config.momentum < 1, "momentum must lie in [0, 1)");
  require(std::isfinite(config.weight_decay) && config.weight_decay >= 0,
          "weight decay must not be negative");
  require(config.label_smoothing >= 0 && config.label_smoothing < 1,
          "label smoothing must lie in [0, 1)");
  require(config.patience >= 0, "patience must not be negative");
  require(config.threads >= 0, "threads must not be negative");
  require(config.patience == 0 || has_val, "early stopping needs validation samples",
          "split some off, or set patience to 0");
  require(!config.resume || !config.checkpoint.empty(), "resume needs a checkpoint's path");
}

void check_indices(const TrainingData& data) {
  const std::size_t samples = data.row_of.size();
  require(!data.train.empty(), "there are no training samples");
  for (const auto& [part, name] : {std::pair{data.train, "train"}, std::pair{data.val, "val"}}) {
    const auto wrong = std::ranges::find_if(part, [&](std::uint32_t i) { return i >= samples; });
    require(wrong == part.end(), std::string(name) + " names a sample that does not exist");
  }
  const auto outside = std::ranges::find_if(
      data.row_of, [&](std::uint32_t row) { return row >= data.features.rows; });
  require(outside == data.row_of.end(), "row_of names a row that does not exist");
  require(data.features.dim > 0, "the features have no columns");
}

void check_targets(const TrainingData& data) {
  const std::size_t samples = data.row_of.size();
  require(data.labels.empty() != data.multi_hot.empty(), "give either labels or multi_hot");
  if (!data.multi_hot.empty()) {
    require(data.classes >= 1 && data.multi_hot.size() == samples * data.classes,
            "multi_hot must hold samples x classes values");
    require(std::ranges::all_of(data.multi_hot, [](std::uint8_t v) { return v <= 1; }),
            "multi_hot holds a value other than 0 and 1");
    return;
  }
  require(data.labels.size() == samples, "there must be one label a sample");
  require(data.classes >= 2, "there must be at least two classes");
  const auto wrong = std::ranges::find_if(data.labels, [&](std::int32_t label) {
    return label < 0 || static_cast<std::size_t>(label) >= data.classes;
  });
  require(wrong == data.labels.end(), "a label is not one of the classes");
  const std::int32_t first = data.labels[data.train.front()];
  if (std::ranges::all_of(data.train, [&](std::uint32_t i) { return data.labels[i] == first; })) {
    throw Error(ErrorKind::bad_input, "all training samples are of class " + std::to_string(first),
                "a classifier needs samples of two classes at least");
  }
}

}  // namespace

void check_training(const TrainingData& data, const TrainConfig& config) {
  check_config(config, !data.val.empty());
  check_indices(data);
  check_targets(data);
}

}  // namespace caft
