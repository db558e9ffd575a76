// Logistic regressions that share one data set: cross-validation's folds, solved side by side.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "head/fused/features.hpp"
#include "head/fused/lbfgs.hpp"
#include "head/fused/loss.hpp"
#include "head/fused/thread_team.hpp"

namespace caft::fused {

/// Several regularised (multinomial or multi-label) logistic regressions over the same samples,
/// each leaving out one fold or none. Minimises for each
///   sum_i loss_i / sum_i weight_i + lambda/2 |W|^2   over the samples that it sees,
/// biases not regularised. One pass over the features serves all of them: their weights stand under
/// each other in one matrix, so that few classes times many folds still fill the vector units.
/// Results do not depend on the number of threads. Borrows everything it is given.
class LogisticStack {
 public:
  /// `fold_of`: fold of each of `samples` (empty: none); `left_out[p]`: the fold that problem p
  /// does not see, -1 for none. No two problems leave out the same fold.
  LogisticStack(const StandardizedFeatures& features, const Loss& loss, std::size_t classes,
                std::span<const std::uint32_t> samples, std::span<const int> fold_of,
                std::vector<int> left_out, std::size_t history, ThreadTeam& team);

  /// Bytes that a stack needs, for choosing a plan.
  static std::size_t bytes(std::size_t stride, std::size_t classes, std::size_t problems,
                           std::size_t history);

  void set_lambda(double lambda, const Lbfgs::Limits& limits);
  void start_at(std::size_t problem, std::span<const float> weight);

  /// Solves all problems for the present lambda, warm from where they stand. `after` is called
  /// after each joint evaluation.
  void minimise(const std::function<void()>& after = {});

  /// Logits [left-out samples, classes] of the samples that a problem left out, by that problem and
  /// in the samples' order.
  [[nodiscard]] std::vector<float> left_out_logits() const;

  [[nodiscard]] const Lbfgs& solver(std::size_t problem) const { return solvers_[problem]; }
  [[nodiscard]] std::size_t size() const { return solvers_.size(); }

 private:
  void evaluate(const std::vector<std::size_t>& active);
  void rows(const std::vector<std::size_t>& active, std::size_t first, std::size_t count,
            int thread);
  void slices(std::size_t columns, std::size_t count, int thread);
  void sum_losses(const std::vector<std::size_t>& active, std::size_t count);
  void conclude(std::size_t problem, float* gradient);
  [[nodiscard]] bool sees(std::size_t problem, std::size_t position) const {
    return fold_of_.empty() || fold_of_[position] != left_out_[problem];
  }

  const StandardizedFeatures* features_;
  const Loss* loss_;
  ThreadTeam* team_;
  const Kernels* kernels_;
  std::size_t classes_, stride_, block_;
  std::span<const std::uint32_t> samples_;
  std::span<const int> fold_of_;
  std::vector<int> left_out_;
  std::vector<double> weight_sum_;  ///< of the samples that a problem sees
  std::vector<Lbfgs> solvers_;
  double lambda_ = 0;
  std::vector<float> mask_;  ///< 1 where a parameter is regularised
  Buffer input_;             ///< [block, stride]
  Buffer stack_,
      gradient_;  ///< [problems * classes, stride]: the active ones' trials and gradients
  Buffer delta_;  ///< [block, output_stride(problems * classes)]
  std::vector<double> row_loss_;  ///< [block, problems]
  std::vector<double> total_loss_;
};

/// Logits [samples, outputs] of a linear layer `weight` [outputs, stride] over standardised
/// features.
std::vector<float> predict(const StandardizedFeatures& features, std::span<const float> weight,
                           std::size_t outputs, std::span<const std::uint32_t> samples,
                           ThreadTeam& team);

}  // namespace caft::fused
