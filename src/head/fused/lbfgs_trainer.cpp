// Linear heads to convergence: the path of lambdas, its judges, and the final fit.
#include <algorithm>
#include <chrono>
#include <limits>

#include "head/fused/fused_trainer.hpp"
#include "head/fused/lambda_plan.hpp"
#include "head/fused/logistic.hpp"
#include "head/fused/problem.hpp"

namespace caft::fused {
namespace {

using Clock = std::chrono::steady_clock;

// As path_limits, for the fit that is kept.
Lbfgs::Limits final_limits(double lambda) {
  return {.tolerance = std::clamp(0.003 * lambda, 1e-6, 1e-5), .iterations = 1000};
}

/// The best lambda so far, and what it gave.
struct Choice {
  double lambda = 0.01;
  double loss = std::numeric_limits<double>::infinity();
  std::vector<float> weight{};  ///< hold-out: of the problem, from which the final fit starts
  std::vector<float> logits{};  ///< of the samples that judge
};

/// Of one block of rows: standardising, forward and backward.
double operations(const TrainingData& data, const TrainConfig& config) {
  const auto rows = static_cast<double>(std::min<std::size_t>(data.train.size(), 256));
  const auto folds = static_cast<double>(data.val.empty() ? config.folds : 1);
  return rows * static_cast<double>(data.features.dim) *
         (16 + 4 * folds * static_cast<double>(data.classes));
}

class Fit {
 public:
  Fit(const TrainingData& data, const TrainConfig& config, ProgressSink* progress,
      const PlanLimits& limits)
      : data_(data),
        config_(config),
        progress_(progress),
        team_(useful_threads(config.threads, operations(data, config))),
        features_(data, team_),
        loss_(data, config.balanced, config.label_smoothing),
        limits_(limits),
        plan_(make_plan(data, config, features_.stride(), limits)) {
    for (std::size_t i = 0; i < data.train.size(); ++i) {
      const bool judges =
          plan_.judge == Judge::cross_validation ||
          (plan_.judge == Judge::hold_out && plan_.fold_of[i] == plan_.left_out.front());
      if (judges) judges_.push_back(i);
    }
  }

  TrainOutcome run() {
    choose();
    refit();
    outcome_.scored = judging_samples();
    outcome_.scored_logits = std::move(best_.logits);
    outcome_.details["optimizer"] = "lbfgs";
    outcome_.details["lambda"] = best_.lambda;
    outcome_.details["chosen_on"] = name_of(plan_.judge);
    if (plan_.judge == Judge::cross_validation) outcome_.details["folds"] = plan_.folds;
    outcome_.details["path"] = std::move(path_);
    return std::move(outcome_);
  }

 private:
  std::vector<std::uint32_t> judging_samples() const {
    if (plan_.judge == Judge::validation) return {data_.val.begin(), data_.val.end()};
    std::vector<std::uint32_t> samples;
    samples.reserve(judges_.size());
    for (const std::size_t i : judges_) samples.push_back(data_.train[i]);
    return samples;
  }

  LogisticStack make_stack(std::span<const int> fold_of, std::vector<int> left_out) {
    const std::size_t history =
        history_for(features_.stride(), data_.classes, left_out.size(), limits_);
    return {features_,           loss_,   data_.classes, data_.train, fold_of,
            std::move(left_out), history, team_};
  }

  std::vector<float> judging_logits(const LogisticStack& stack) {
    if (plan_.judge == Judge::validation) {
      return predict(features_, stack.solver(0).point(), data_.classes, data_.val, team_);
    }
    return stack.left_out_logits();
  }

  void choose() {
    const bool given = !config_.l2.empty();
    std::vector<double> lambdas = given ? config_.l2 : default_path();
    std::ranges::sort(lambdas, std::greater());
    if (plan_.judge == Judge::none) {
      if (given) best_.lambda = lambdas.front();
      return;
    }
    LogisticStack stack = make_stack(plan_.fold_of, plan_.left_out);
    const auto samples = judging_samples();
    double before = std::numeric_limits<double>::infinity();
    int worse = 0;
    for (std::size_t k = 0; k < lambdas.size(); ++k) {
      if (progress_ != nullptr) progress_->update("choosing lambda", k, lambdas.size());
      stack.set_lambda(lambdas[k], path_limits(lambdas[k]));
      stack.minimise();
      std::vector<float> logits = judging_logits(stack);
      const Score judged = score(data_, samples, logits);
      const Lbfgs& last = stack.solver(stack.size() - 1);
      path_.push_back({{"lambda", lambdas[k]},
                       {"loss", judged.loss},
                       {"accuracy", judged.accuracy},
                       {"iterations", last.iterations()}});
      if (judged.loss < best_.loss) {
        best_ = {
            lambdas[k], judged.loss, {last.point().begin(), last.point().end()}, std::move(logits)};
      }
      // The loss over the path has one valley; past it, fits only become slower. A path that the
      // caller gave is walked to its end.
      worse = judged.loss > before ? worse + 1 : 0;
      before = judged.loss;
      if (!given && worse == 2) break;
    }
  }

  void refit() {
    LogisticStack stack = make_stack({}, {-1});
    const Lbfgs& solver = stack.solver(0);
    if (!best_.weight.empty()) stack.start_at(0, best_.weight);
    stack.set_lambda(best_.lambda, final_limits(best_.lambda));
    auto since = Clock::now();
    std::vector<double> times;
    stack.minimise([&] {
      // Several evaluations may make one iteration; the first only measures the start.
      if (solver.iterations() == static_cast<int>(outcome_.history.size())) return;
      const auto now = Clock::now();
      const double ms = std::chrono::duration<double, std::milli>(now - since).count();
      since = now;
      times.push_back(ms);
      outcome_.history.push_back({.epoch = solver.iterations(),
                                  .train_loss = solver.value() * loss_scale(),
                                  .milliseconds = ms});
      if (progress_ != nullptr) {
        progress_->update("fitting", static_cast<std::uint64_t>(solver.iterations()), 0);
      }
    });
    if (!times.empty()) {
      const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
      std::ranges::nth_element(times, middle);
      outcome_.epoch_ms = *middle;
    }
    outcome_.head.layers = {features_.fold(solver.point(), data_.classes)};
    outcome_.details["converged"] = solver.converged();
    outcome_.details["iterations"] = solver.iterations();
    outcome_.details["gradient_norm"] = solver.gradient_norm();
    outcome_.details["objective"] = solver.value() * loss_scale();
  }

  /// Each label of a multi-label head is a regression of its own with the same lambda; what is
  /// reported is their mean.
  [[nodiscard]] double loss_scale() const {
    return data_.multi_hot.empty() ? 1.0 : 1.0 / static_cast<double>(data_.classes);
  }

  const TrainingData& data_;
  const TrainConfig& config_;
  ProgressSink* progress_;
  ThreadTeam team_;
  StandardizedFeatures features_;
  Loss loss_;
  PlanLimits limits_;
  LambdaPlan plan_;
  std::vector<std::size_t> judges_;  ///< places in data.train whose out-of-fold logits judge
  Choice best_;
  nlohmann::json path_ = nlohmann::json::array();
  TrainOutcome outcome_;
};

}  // namespace

TrainOutcome train_by_lbfgs(const TrainingData& data, const TrainConfig& config,
                            ProgressSink* progress, const PlanLimits& limits) {
  return Fit(data, config, progress, limits).run();
}

}  // namespace caft::fused
