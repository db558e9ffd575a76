#include "caft/lab/out_of_fold.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "caft/core/error.hpp"
#include "caft/data/dataset.hpp"
#include "head/fused/lambda_plan.hpp"
#include "head/fused/logistic.hpp"
#include "head/fused/problem.hpp"

namespace caft::lab {
namespace {

/// Samples and their folds.
struct Folded {
  std::vector<std::uint32_t> samples;
  std::vector<int> fold_of;
};

/// As many samples as a joint evaluation of all folds may cost, the classes' shares kept.
Folded part_of(const TrainingData& data, const std::vector<int>& fold_of, std::size_t stride,
               const OutOfFoldOptions& options) {
  const double each =
      4.0 * static_cast<double>(stride * data.classes * static_cast<std::size_t>(options.folds));
  const auto most = static_cast<std::size_t>(fused::PlanLimits{}.flops / each);
  const std::size_t n = data.train.size();
  if (n <= most) return {{data.train.begin(), data.train.end()}, fold_of};
  const auto parts = static_cast<int>(std::min(n / 2, (n + most - 1) / most));
  const auto part = stratified_folds(fused::strata(data, data.train), parts, options.seed + 1);
  Folded folded;
  for (std::size_t i = 0; i < n; ++i) {
    if (part[i] != 0) continue;
    folded.samples.push_back(data.train[i]);
    folded.fold_of.push_back(fold_of[i]);
  }
  return folded;
}

class CrossValidation {
 public:
  CrossValidation(const TrainingData& data, const OutOfFoldOptions& options, ProgressSink* progress)
      : data_(data),
        progress_(progress),
        team_(options.threads),
        features_(data, team_),
        loss_(data, options.balanced, 0),
        left_out_(static_cast<std::size_t>(options.folds)) {
    std::iota(left_out_.begin(), left_out_.end(), 0);
    result_.fold_of =
        stratified_folds(fused::strata(data, data.train), options.folds, options.seed);
    part_ = part_of(data, result_.fold_of, features_.stride(), options);
  }

  OutOfFold run() {
    choose();
    if (part_.samples.size() < data_.train.size()) fit_all();
    const fused::Score score = fused::score(data_, data_.train, result_.logits);
    result_.loss = score.loss;
    result_.accuracy = score.accuracy;
    result_.temperature = fused::temperature_of(data_, data_.train, result_.logits);
    return std::move(result_);
  }

 private:
  fused::LogisticStack make_stack(const Folded& folded) {
    const std::size_t history =
        fused::history_for(features_.stride(), data_.classes, left_out_.size(), {});
    return {features_,      loss_,     data_.classes, folded.samples,
            folded.fold_of, left_out_, history,       team_};
  }

  /// Down the path until the loss has risen twice: it has one valley.
  void choose() {
    fused::LogisticStack stack = make_stack(part_);
    const std::vector<double> lambdas = fused::default_path();
    double best = std::numeric_limits<double>::infinity(), before = best;
    int worse = 0;
    for (std::size_t k = 0; k < lambdas.size() && worse < 2; ++k) {
      if (progress_ != nullptr) progress_->update("cross-validating", k, lambdas.size());
      stack.set_lambda(lambdas[k], fused::path_limits(lambdas[k]));
      stack.minimise();
      std::vector<float> logits = stack.left_out_logits();
      const double loss = fused::score(data_, part_.samples, logits).loss;
      if (loss < best) {
        best = loss;
        result_.lambda = lambdas[k];
        result_.logits = std::move(logits);
      }
      worse = loss > before ? worse + 1 : 0;
      before = loss;
    }
  }

  void fit_all() {
    const Folded all{{data_.train.begin(), data_.train.end()}, result_.fold_of};
    fused::LogisticStack stack = make_stack(all);
    stack.set_lambda(result_.lambda, fused::path_limits(result_.lambda));
    stack.minimise();
    result_.logits = stack.left_out_logits();
  }

  const TrainingData& data_;
  ProgressSink* progress_;
  fused::ThreadTeam team_;
  fused::StandardizedFeatures features_;
  fused::Loss loss_;
  std::vector<int> left_out_;
  Folded part_;
  OutOfFold result_;
};

}  // namespace

OutOfFold out_of_fold(const TrainingData& data, const OutOfFoldOptions& options,
                      ProgressSink* progress) {
  TrainingData problem = data;
  problem.val = {};
  fused::check_data(problem);
  if (options.folds < 2 || static_cast<std::size_t>(options.folds) > problem.train.size()) {
    throw Error(ErrorKind::usage,
                "cross-validation of " + std::to_string(problem.train.size()) + " samples in " +
                    std::to_string(options.folds) + " folds",
                "give from two folds up to as many as there are samples");
  }
  return CrossValidation(problem, options, progress).run();
}

}  // namespace caft::lab
