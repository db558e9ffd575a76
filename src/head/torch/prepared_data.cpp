#include "head/torch/prepared_data.hpp"

#include "caft/core/error.hpp"
#include "caft/data/dataset.hpp"
#include "head/fused/problem.hpp"

namespace caft {

PreparedData::PreparedData(const TrainingData& data, const TrainConfig& config) : data_(data) {
  fused::check_config(config);
  if (config.optimizer == Optimizer::lbfgs) {
    throw Error(ErrorKind::usage, "training: L-BFGS needs the full batch and is for linear heads",
                "use adamw or sgd");
  }
  fused::check_data(data);
  constexpr std::size_t kLeastForHoldOut = 20;
  if (data.val.empty() && data.train.size() >= kLeastForHoldOut) hold_out(config.seed);
  if (config.patience > 0 && data_.val.empty()) {
    throw Error(ErrorKind::usage, "training: there are too few samples to stop early by",
                "set patience to 0");
  }
}

void PreparedData::hold_out(std::uint64_t seed) {
  constexpr int kFolds = 10;
  const std::vector<std::int32_t> classes = fused::strata(data_, data_.train);
  const std::vector<int> folds = stratified_folds(classes, kFolds, seed);
  // A class whose samples all lie in fold 0 stays: it could not be learnt otherwise.
  std::vector<bool> stays(data_.classes + 1, false);
  for (std::size_t i = 0; i < folds.size(); ++i) {
    if (folds[i] != 0) stays[static_cast<std::size_t>(classes[i])] = true;
  }
  for (std::size_t i = 0; i < folds.size(); ++i) {
    const bool out = folds[i] == 0 && stays[static_cast<std::size_t>(classes[i])];
    (out ? val_ : train_).push_back(data_.train[i]);
  }
  data_.train = train_;
  data_.val = val_;
}

}  // namespace caft
