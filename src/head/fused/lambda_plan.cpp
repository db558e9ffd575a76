#include "head/fused/lambda_plan.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "caft/data/dataset.hpp"
#include "head/fused/logistic.hpp"
#include "head/fused/problem.hpp"

namespace caft::fused {

const char* name_of(Judge judge) {
  switch (judge) {
    case Judge::validation:
      return "validation split";
    case Judge::cross_validation:
      return "cross-validation";
    case Judge::hold_out:
      return "hold-out";
    case Judge::none:
      break;
  }
  return "nothing: too few samples";
}

std::vector<double> default_path() {
  constexpr int steps = 12;
  std::vector<double> path;
  path.reserve(steps);
  for (int i = 0; i < steps; ++i) path.push_back(std::pow(10.0, 1 - 0.5 * i));
  return path;
}

Lbfgs::Limits path_limits(double lambda) {
  // Below 1e-6 lies the rounding of float sums.
  return {.tolerance = std::clamp(0.03 * lambda, 1e-5, 1e-4), .iterations = 300};
}

std::size_t history_for(std::size_t stride, std::size_t classes, std::size_t problems,
                        const PlanLimits& limits) {
  std::size_t history = 10;
  while (history > 3 && LogisticStack::bytes(stride, classes, problems, history) > limits.bytes) {
    --history;
  }
  return history;
}

LambdaPlan make_plan(const TrainingData& data, const TrainConfig& config, std::size_t stride,
                     const PlanLimits& limits) {
  constexpr std::size_t kHoldOutFolds = 5;
  const std::size_t n = data.train.size();
  if (!data.val.empty()) return {.judge = Judge::validation, .left_out = {-1}};
  const std::size_t folds = std::min(static_cast<std::size_t>(config.folds), n / 2);
  if (folds < 2) return {.judge = Judge::none, .left_out = {-1}};
  // Two multiplications and two additions a weight and sample: forward and backward.
  const double flops = 4.0 * static_cast<double>(n) * static_cast<double>(stride) *
                       static_cast<double>(data.classes * folds);
  LambdaPlan plan;
  if (flops <= limits.flops &&
      LogisticStack::bytes(stride, data.classes, folds, 10) <= limits.bytes) {
    plan.judge = Judge::cross_validation;
    plan.folds = static_cast<int>(folds);
    plan.left_out.resize(folds);
    std::iota(plan.left_out.begin(), plan.left_out.end(), 0);
  } else {
    plan.judge = Judge::hold_out;
    const std::size_t parts = n * data.classes * sizeof(float) / limits.logits + 1;
    plan.folds = static_cast<int>(std::min(std::max(kHoldOutFolds, parts), n / 2));
    plan.left_out = {0};
  }
  plan.fold_of = stratified_folds(strata(data, data.train), plan.folds, config.seed);
  return plan;
}

}  // namespace caft::fused
