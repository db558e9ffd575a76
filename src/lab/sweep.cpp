#include "caft/lab/sweep.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "caft/core/error.hpp"
#include "caft/core/hash.hpp"
#include "caft/data/dataset.hpp"
#include "head/fused/head_stack.hpp"
#include "head/fused/lambda_plan.hpp"
#include "head/fused/logistic.hpp"
#include "head/fused/problem.hpp"
#include "head/run_record.hpp"
#include "lab/journal.hpp"

namespace caft::lab {
namespace {

using fused::Loss;
using fused::StandardizedFeatures;
using fused::ThreadTeam;
using Place = Journal::Place;

std::vector<double> lambdas_of(const SweepGrid& grid) {
  std::vector<double> lambdas = grid.l2.empty() ? path(20) : grid.l2;
  std::ranges::sort(lambdas, std::greater());
  return lambdas;
}

/// Every combination, those of L-BFGS with the same loss next to each other, lambdas falling.
std::vector<TrainConfig> combinations(const SweepGrid& grid) {
  std::vector<TrainConfig> configs;
  for (const Optimizer optimizer : grid.optimizers) {
    for (const bool balanced : grid.balanced) {
      for (const double smoothing : grid.label_smoothings) {
        TrainConfig config = grid.shared;
        config.head = "linear";
        config.device = TrainDevice::cpu;
        config.checkpoint.clear();
        config.resume = false;
        config.folds = grid.folds;
        config.optimizer = optimizer;
        config.balanced = balanced;
        config.label_smoothing = smoothing;
        config.l2.clear();
        if (optimizer == Optimizer::lbfgs) {
          for (const double lambda : lambdas_of(grid)) {
            config.l2 = {lambda};
            configs.push_back(config);
          }
          continue;
        }
        for (const double rate : grid.learning_rates) {
          for (const double decay : grid.weight_decays) {
            config.learning_rate = rate;
            config.weight_decay = decay;
            configs.push_back(config);
          }
        }
      }
    }
  }
  return configs;
}

/// Repeat `repeat`'s folds are drawn, and its samples shuffled, by this.
std::uint64_t seed_of(const SweepGrid& grid, int repeat) {
  return grid.shared.seed + static_cast<std::uint64_t>(repeat);
}

class Sweep {
 public:
  Sweep(const TrainingData& data, const SweepGrid& grid, ProgressSink* progress,
        const std::filesystem::path& journal)
      : data_(data),
        grid_(grid),
        progress_(progress),
        configs_(combinations(grid)),
        team_(grid.shared.threads),
        features_(data, team_),
        journal_(journal, sweep_id(data, grid)),
        resumed_(journal_.found()) {
    for (const TrainConfig& config : configs_) {
      losses_.try_emplace({config.balanced, config.label_smoothing}, data, config.balanced,
                          config.label_smoothing);
    }
    const auto labels = fused::strata(data, data.train);
    for (int r = 0; r < grid.repeats; ++r) {
      fold_of_.push_back(stratified_folds(labels, grid.folds, seed_of(grid, r)));
    }
  }

  SweepResult run() {
    const auto start = std::chrono::steady_clock::now();
    done_ = resumed_;
    solve_paths();
    train_stacks();
    SweepResult result = collect();
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return result;
  }

 private:
  [[nodiscard]] std::size_t total() const {
    return configs_.size() * static_cast<std::size_t>(grid_.folds * grid_.repeats);
  }

  void report(std::size_t more) {
    const std::size_t done = done_ += more;
    if (progress_ != nullptr) progress_->update("heads", done, total());
  }

  [[nodiscard]] const Loss& loss_of(const TrainConfig& config) const {
    return losses_.at({config.balanced, config.label_smoothing});
  }

  /// L-BFGS: for each seed and loss all folds side by side, down the path.
  void solve_paths() {
    for (std::size_t first = 0; first < configs_.size();) {
      std::size_t last = first;  // one path: combinations that differ in lambda alone
      while (last < configs_.size() && configs_[last].optimizer == Optimizer::lbfgs &&
             &loss_of(configs_[last]) == &loss_of(configs_[first])) {
        ++last;
      }
      for (int r = 0; r < grid_.repeats && last > first; ++r) solve_path(first, last, r);
      first = std::max(last, first + 1);
    }
  }

  void solve_path(std::size_t first, std::size_t last, int repeat) {
    // Later lambdas start from the earlier solutions: a path is taken up from where it broke off
    // by solving its last lambda's again.
    std::size_t next = first;
    while (next < last && journal_.has({next, repeat, grid_.folds - 1})) ++next;
    if (next == last) return;
    const std::span<const int> folds = fold_of_[static_cast<std::size_t>(repeat)];
    std::vector<int> left_out(static_cast<std::size_t>(grid_.folds));
    std::iota(left_out.begin(), left_out.end(), 0);
    const std::size_t history =
        fused::history_for(features_.stride(), data_.classes, left_out.size(), {});
    fused::LogisticStack stack(features_, loss_of(configs_[first]), data_.classes, data_.train,
                               folds, left_out, history, team_);
    for (std::size_t c = next == first ? first : next - 1; c < last; ++c) {
      const double lambda = configs_[c].l2.front();
      stack.set_lambda(lambda, fused::path_limits(lambda));
      stack.minimise();
      if (c < next) continue;
      const std::vector<float> logits = stack.left_out_logits();
      std::map<Place, FoldScore> scores;
      for (int fold = 0; fold < grid_.folds; ++fold) {
        scores[{c, repeat, fold}] = score_fold(logits, folds, fold);
      }
      journal_.add(scores);
      report(left_out.size());
    }
  }

  /// Score of fold `fold` from logits [train samples, classes].
  FoldScore score_fold(std::span<const float> logits, std::span<const int> folds, int fold) const {
    std::vector<std::uint32_t> samples;
    std::vector<float> own;
    for (std::size_t i = 0; i < folds.size(); ++i) {
      if (folds[i] != fold) continue;
      samples.push_back(data_.train[i]);
      const auto row = logits.subspan(i * data_.classes, data_.classes);
      own.insert(own.end(), row.begin(), row.end());
    }
    const fused::Score score = fused::score(data_, samples, own);
    return {score.accuracy, score.loss, 0};
  }

  /// Mini-batch heads of one seed and fold.
  struct Stack {
    int repeat = 0, fold = 0;
    std::vector<std::size_t> combinations;
  };

  /// Whatever is not in the journal, in stacks that fit a core's cache, and at least one a core.
  [[nodiscard]] std::vector<Stack> plan_stacks() const {
    std::vector<Stack> whole;
    for (int r = 0; r < grid_.repeats; ++r) {
      for (int fold = 0; fold < grid_.folds; ++fold) {
        Stack stack{.repeat = r, .fold = fold, .combinations = {}};
        for (std::size_t c = 0; c < configs_.size(); ++c) {
          const bool wanted = configs_[c].optimizer != Optimizer::lbfgs;
          if (wanted && !journal_.has({c, r, fold})) stack.combinations.push_back(c);
        }
        if (!stack.combinations.empty()) whole.push_back(std::move(stack));
      }
    }
    const auto cores = static_cast<std::size_t>(team_.size());
    const std::size_t parts_for_cores =
        (cores + whole.size() - 1) / std::max<std::size_t>(1, whole.size());
    std::vector<Stack> stacks;
    for (const Stack& stack : whole) {
      const std::size_t count = stack.combinations.size();
      const std::size_t most = fused::heads_in_cache(features_.stride(), data_.classes);
      const std::size_t parts =
          std::min(count, std::max((count + most - 1) / most, parts_for_cores));
      for (std::size_t p = 0; p < parts; ++p) {
        const auto from = stack.combinations.begin();
        stacks.push_back({stack.repeat,
                          stack.fold,
                          {from + static_cast<std::ptrdiff_t>(count * p / parts),
                           from + static_cast<std::ptrdiff_t>(count * (p + 1) / parts)}});
      }
    }
    return stacks;
  }

  void train_stacks() {
    const std::vector<Stack> stacks = plan_stacks();
    std::atomic<std::size_t> next{0};
    team_.run([&](int) {
      for (std::size_t s; (s = next++) < stacks.size();) {
        train(stacks[s]);
        report(stacks[s].combinations.size());
      }
    });
  }

  void train(const Stack& stack) {
    const std::vector<int>& folds = fold_of_[static_cast<std::size_t>(stack.repeat)];
    std::vector<std::uint32_t> seen, scored;
    for (std::size_t i = 0; i < folds.size(); ++i) {
      (folds[i] == stack.fold ? scored : seen).push_back(data_.train[i]);
    }
    const std::uint64_t seed = seed_of(grid_, stack.repeat);
    fused::Parts parts{seen, {}};
    if (grid_.shared.patience > 0) {
      TrainingData fold = data_;
      fold.train = seen;
      fold.val = {};
      parts = fused::split_parts(fold, seed);
    }
    std::vector<fused::StackedHead> heads;
    for (const std::size_t c : stack.combinations) {
      heads.push_back({configs_[c], &loss_of(configs_[c])});
      heads.back().config.seed = seed;
    }
    const auto outcomes = fused::train_stack(features_, data_, parts.train, parts.val, heads);
    ThreadTeam alone(1);
    std::map<Place, FoldScore> scores;
    for (std::size_t h = 0; h < heads.size(); ++h) {
      FoldScore& score = scores[{stack.combinations[h], stack.repeat, stack.fold}];
      score.epochs = -1;
      if (outcomes[h].weight.empty()) continue;
      const auto logits =
          fused::predict(features_, outcomes[h].weight, data_.classes, scored, alone);
      const fused::Score on_fold = fused::score(data_, scored, logits);
      if (std::isfinite(on_fold.loss)) {
        score = {on_fold.accuracy, on_fold.loss, outcomes[h].epochs};
      }
    }
    journal_.add(scores);
  }

  [[nodiscard]] SweepResult collect() const {
    SweepResult result;
    result.trained = total();
    result.resumed = resumed_;
    result.folds = grid_.folds;
    result.repeats = grid_.repeats;
    const double count = grid_.folds * grid_.repeats;
    for (std::size_t c = 0; c < configs_.size(); ++c) {
      SweepHead head{.config = configs_[c], .accuracy = {}, .spread = {}};
      bool diverged = false;
      for (int r = 0; r < grid_.repeats; ++r) {
        for (int fold = 0; fold < grid_.folds; ++fold) {
          const FoldScore score = journal_.at({c, r, fold});
          diverged = diverged || score.epochs < 0;
          head.accuracy.push_back(score.accuracy);
          head.loss += score.loss / count;
          head.epochs += score.epochs / count;
        }
      }
      if (diverged) {
        head.accuracy.clear();
        head.loss = std::numeric_limits<double>::infinity();
      }
      head.spread = spread_of_folds(head.accuracy, grid_.folds);
      result.heads.push_back(std::move(head));
    }
    std::ranges::stable_sort(result.heads, [](const SweepHead& a, const SweepHead& b) {
      if (a.diverged() != b.diverged()) return b.diverged();
      // Means are sums in another order for other folds: equal ones may differ in the last bit.
      if (std::abs(a.spread.mean - b.spread.mean) > 1e-12) return a.spread.mean > b.spread.mean;
      return a.loss < b.loss;
    });
    return result;
  }

  const TrainingData& data_;
  const SweepGrid& grid_;
  ProgressSink* progress_;
  std::vector<TrainConfig> configs_;
  ThreadTeam team_;
  StandardizedFeatures features_;
  std::map<std::pair<bool, double>, Loss> losses_;
  std::vector<std::vector<int>> fold_of_;  ///< [repeat][place in train]
  Journal journal_;
  std::size_t resumed_;
  std::atomic<std::size_t> done_{0};
};

void check_grid(const TrainingData& data, const SweepGrid& grid) {
  const auto require = [](bool holds, const std::string& what) {
    if (!holds) throw Error(ErrorKind::usage, "sweep: " + what);
  };
  require(grid.repeats >= 1 && grid.repeats <= 1000, "repeats must lie in 1 to 1000");
  const std::vector<TrainConfig> configs = combinations(grid);
  require(!configs.empty(), "the grid is empty");
  for (const TrainConfig& config : configs) fused::check_config(config);
  require(static_cast<std::size_t>(grid.folds) <= data.train.size(),
          "there are fewer samples than folds");
}

}  // namespace

std::vector<double> path(std::size_t count) {
  std::vector<double> lambdas;
  for (std::size_t i = 0; i < count; ++i) {
    const double share = count > 1 ? static_cast<double>(i) / static_cast<double>(count - 1) : 0.5;
    lambdas.push_back(std::pow(10.0, 1 - 5 * share));
  }
  return lambdas;
}

std::string sweep_id(const TrainingData& data, const SweepGrid& grid) {
  nlohmann::json identity = run_identity(data, grid.shared);
  identity["epochs"] = grid.shared.epochs;
  identity["patience"] = grid.shared.patience;
  identity["folds"] = grid.folds;
  identity["repeats"] = grid.repeats;
  for (const TrainConfig& c : combinations(grid)) {
    identity["heads"].push_back({to_string(c.optimizer), c.l2, c.learning_rate, c.weight_decay,
                                 c.label_smoothing, c.balanced});
  }
  const std::string text = identity.dump();
  return to_hex(xxh3_128(std::as_bytes(std::span(text))));
}

SweepResult sweep(const TrainingData& data, const SweepGrid& grid, ProgressSink* progress,
                  const std::filesystem::path& journal) {
  TrainingData problem = data;
  problem.val = {};
  fused::check_data(problem);
  check_grid(problem, grid);
  return Sweep(problem, grid, progress, journal).run();
}

nlohmann::json to_json(const SweepHead& head) {
  const TrainConfig& c = head.config;
  nlohmann::json json = {{"optimizer", to_string(c.optimizer)},
                         {"label_smoothing", c.label_smoothing},
                         {"balanced", c.balanced}};
  if (c.optimizer == Optimizer::lbfgs) {
    json["l2"] = c.l2.front();
  } else {
    json["learning_rate"] = c.learning_rate;
    json["weight_decay"] = c.weight_decay;
  }
  if (head.diverged()) {
    json["diverged"] = true;
    return json;
  }
  json["mean"] = head.spread.mean;
  json["std"] = head.spread.std;
  json["ci95"] = {head.spread.low, head.spread.high};
  json["loss"] = head.loss;
  json["accuracy"] = head.accuracy;
  if (c.optimizer != Optimizer::lbfgs) json["epochs"] = head.epochs;
  return json;
}

}  // namespace caft::lab
