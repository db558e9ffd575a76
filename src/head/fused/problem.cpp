#include "head/fused/problem.hpp"

#include <algorithm>
#include <cmath>

#include "caft/core/error.hpp"
#include "caft/data/dataset.hpp"

namespace caft::fused {
namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& remedy = {}) {
  throw Error(ErrorKind::usage, "training: " + what, remedy);
}

void require(bool holds, const std::string& what) {
  if (!holds) refuse(what);
}

void check_shapes(const TrainingData& data) {
  const FeatureView& features = data.features;
  require(features.data != nullptr && features.rows > 0 && features.dim > 0, "no features");
  require(features.dtype == DType::f32 || features.dtype == DType::f16,
          "features are " + std::string(to_string(features.dtype)) + ", not F32 or F16");
  require(data.labels.empty() != data.multi_hot.empty(), "give either labels or multi-hot targets");
  const std::size_t samples = data.row_of.size();
  if (data.multi_hot.empty()) {
    require(data.labels.size() == samples, "labels and rows differ in number");
    require(data.classes >= 2, "at least two classes are needed");
  } else {
    require(data.classes >= 1 && data.multi_hot.size() == samples * data.classes,
            "multi-hot targets are not [samples, classes]");
  }
  for (const std::uint32_t row : data.row_of) {
    require(row < features.rows, "row " + std::to_string(row) + " lies beyond the features' " +
                                     std::to_string(features.rows) + " rows");
  }
}

void check_parts(const TrainingData& data) {
  require(!data.train.empty(), "no training samples");
  std::vector<bool> seen(data.row_of.size(), false);
  for (const auto part : {data.train, data.val}) {
    for (const std::uint32_t i : part) {
      require(i < seen.size(), "sample " + std::to_string(i) + " does not exist");
      require(!seen[i], "sample " + std::to_string(i) + " is named twice");
      seen[i] = true;
      if (data.labels.empty()) continue;
      const std::int32_t label = data.labels[i];
      require(label >= 0 && static_cast<std::size_t>(label) < data.classes,
              "label " + std::to_string(label) + " of sample " + std::to_string(i) +
                  " is not one of " + std::to_string(data.classes) + " classes");
    }
  }
}

/// Samples of each class (single-label), or positives of each label.
std::vector<std::size_t> count_labels(const TrainingData& data,
                                      std::span<const std::uint32_t> samples) {
  std::vector<std::size_t> counts(data.classes, 0);
  for (const std::uint32_t i : samples) {
    if (data.multi_hot.empty()) {
      ++counts[static_cast<std::size_t>(data.labels[i])];
      continue;
    }
    for (std::size_t c = 0; c < data.classes; ++c) {
      counts[c] += data.multi_hot[i * data.classes + c] != 0 ? 1 : 0;
    }
  }
  return counts;
}

}  // namespace

void check_config(const TrainConfig& c) {
  const auto finite_from = [](double value, double least) {
    return std::isfinite(value) && value >= least;
  };
  if (c.head == "mlp" && c.optimizer == Optimizer::lbfgs) {
    refuse("L-BFGS trains the linear head only", "choose adamw or sgd for an mlp head");
  }
  if (c.device == TrainDevice::cuda && c.optimizer == Optimizer::lbfgs) {
    refuse("L-BFGS runs on the CPU only", "for the GPU choose adamw or sgd, else leave out cuda");
  }
  if (c.device == TrainDevice::cuda && c.head != "linear" && c.head != "mlp") {
    refuse("a " + c.head + " head trains on the CPU only",
           "for the GPU choose a linear or mlp head, else leave out cuda");
  }
  require(c.epochs >= 1, "epochs must be at least 1");
  require(c.batch >= 1 && c.batch <= 1 << 16, "batch must lie in 1 to 65536");
  require(finite_from(c.learning_rate, 0) && c.learning_rate > 0, "learning rate must be above 0");
  require(finite_from(c.momentum, 0) && c.momentum < 1, "momentum must lie in [0, 1)");
  require(finite_from(c.weight_decay, 0), "weight decay must not be negative");
  require(finite_from(c.label_smoothing, 0) && c.label_smoothing < 1,
          "label smoothing must lie in [0, 1)");
  require(finite_from(c.dropout, 0) && c.dropout < 1, "dropout must lie in [0, 1)");
  require(c.hidden >= 1 && c.hidden <= 1 << 16, "hidden must lie in 1 to 65536");
  require(c.patience >= 0, "patience must not be negative");
  require(c.folds >= 2 && c.folds <= 100, "folds must lie in 2 to 100");
  require(c.threads >= 0 && c.threads <= 1024, "threads must lie in 0 to 1024");
  for (const double lambda : c.l2) require(finite_from(lambda, 0), "l2 must not be negative");
  require(!c.resume || !c.checkpoint.empty(), "resume needs a checkpoint file");
}

void check_data(const TrainingData& data) {
  check_shapes(data);
  check_parts(data);
  const auto counts = count_labels(data, data.train);
  if (data.multi_hot.empty()) {
    if (std::ranges::count_if(counts, [](std::size_t n) { return n > 0; }) < 2) {
      throw Error(ErrorKind::bad_input, "all training samples are of one class",
                  "a classifier needs at least two");
    }
  } else if (std::ranges::none_of(counts,
                                  [&](std::size_t n) { return n > 0 && n < data.train.size(); })) {
    throw Error(ErrorKind::bad_input,
                "no label distinguishes the training samples: each is set for all of them or none");
  }
}

std::vector<std::int32_t> strata(const TrainingData& data, std::span<const std::uint32_t> samples) {
  std::vector<std::int32_t> result;
  result.reserve(samples.size());
  if (data.multi_hot.empty()) {
    for (const std::uint32_t i : samples) result.push_back(data.labels[i]);
    return result;
  }
  const auto counts = count_labels(data, samples);
  for (const std::uint32_t i : samples) {
    std::size_t rarest = data.classes;
    for (std::size_t c = 0; c < data.classes; ++c) {
      if (data.multi_hot[i * data.classes + c] == 0) continue;
      if (rarest == data.classes || counts[c] < counts[rarest]) rarest = c;
    }
    result.push_back(static_cast<std::int32_t>(rarest));
  }
  return result;
}

Parts split_parts(const TrainingData& data, std::uint64_t seed) {
  constexpr int kHoldOutFolds = 10;
  constexpr std::size_t kLeastForHoldOut = 20;
  Parts parts{{data.train.begin(), data.train.end()}, {data.val.begin(), data.val.end()}};
  if (!parts.val.empty() || parts.train.size() < kLeastForHoldOut) return parts;
  const auto classes = strata(data, data.train);
  const auto folds = stratified_folds(classes, kHoldOutFolds, seed);
  std::vector<bool> stays(data.classes + 1, false);  // has the class a sample outside fold 0?
  for (std::size_t i = 0; i < folds.size(); ++i) {
    if (folds[i] != 0) stays[static_cast<std::size_t>(classes[i])] = true;
  }
  parts.train.clear();
  for (std::size_t i = 0; i < folds.size(); ++i) {
    const bool held_out = folds[i] == 0 && stays[static_cast<std::size_t>(classes[i])];
    (held_out ? parts.val : parts.train).push_back(data.train[i]);
  }
  return parts;
}

Score score(const TrainingData& data, std::span<const std::uint32_t> samples,
            std::span<const float> logits) {
  const std::size_t classes = data.classes;
  Score total;
  for (std::size_t s = 0; s < samples.size(); ++s) {
    const std::span<const float> row = logits.subspan(s * classes, classes);
    if (data.multi_hot.empty()) {
      const auto truth = static_cast<std::size_t>(data.labels[samples[s]]);
      const auto top = std::ranges::max_element(row);
      double sum = 0;
      for (const float z : row) sum += std::exp(static_cast<double>(z) - *top);
      total.loss += std::log(sum) + *top - row[truth];
      total.accuracy += static_cast<std::size_t>(top - row.begin()) == truth ? 1 : 0;
      continue;
    }
    bool whole = true;
    double loss = 0;
    for (std::size_t c = 0; c < classes; ++c) {
      const bool truth = data.multi_hot[samples[s] * classes + c] != 0;
      const double z = truth ? -row[c] : row[c];
      loss += std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z)));
      whole = whole && (row[c] >= 0) == truth;
    }
    total.loss += loss / static_cast<double>(classes);
    total.accuracy += whole ? 1 : 0;
  }
  const auto n = static_cast<double>(std::max<std::size_t>(samples.size(), 1));
  return {total.loss / n, total.accuracy / n};
}

double temperature_of(const TrainingData& data, std::span<const std::uint32_t> samples,
                      std::span<const float> logits) {
  if (samples.empty()) return 1;
  if (data.multi_hot.empty()) {
    std::vector<std::int32_t> labels;
    for (const std::uint32_t i : samples) labels.push_back(data.labels[i]);
    return fit_temperature(logits, labels, data.classes);
  }
  std::vector<std::uint8_t> targets;
  for (const std::uint32_t i : samples) {
    const auto row = data.multi_hot.subspan(i * data.classes, data.classes);
    targets.insert(targets.end(), row.begin(), row.end());
  }
  return fit_temperature_multi_label(logits, targets, data.classes);
}

}  // namespace caft::fused
