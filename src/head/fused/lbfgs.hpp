// L-BFGS that asks for evaluations, so that many problems can share one pass over the data.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include "head/fused/buffer.hpp"
#include "head/fused/kernels.hpp"
#include "head/fused/line_search.hpp"

namespace caft::fused {

/// Limited-memory BFGS (Nocedal & Wright 2006, algorithm 7.5) with a strong-Wolfe line search.
/// While done() is false, evaluate the function and its gradient at trial() and tell() them. Not
/// thread-safe; different objects are independent.
class Lbfgs {
 public:
  struct Limits {
    double tolerance = 1e-5;  ///< on the largest absolute gradient component
    int iterations = 500;
  };

  /// Starts at zero. `history`: correction pairs kept.
  Lbfgs(std::size_t size, std::size_t history);

  void set_limits(const Limits& limits);

  /// Moves the start; forgets all that was learnt of the function.
  void start_at(std::span<const float> point);

  [[nodiscard]] bool done() const { return state_ == State::done; }
  [[nodiscard]] std::span<const float> trial() const { return trial_.span(); }
  void tell(double value, std::span<const float> gradient);

  /// The function gains delta/2 * sum_i mask[i] x[i]^2: value, gradient and the pairs' curvatures
  /// follow exactly, so that the next lambda of a path needs neither an evaluation nor a new
  /// history.
  void add_quadratic(double delta, std::span<const float> mask);

  [[nodiscard]] std::span<const float> point() const { return point_.span(); }
  [[nodiscard]] double value() const { return value_; }
  [[nodiscard]] double gradient_norm() const;  ///< largest absolute component at point()
  [[nodiscard]] bool converged() const { return known_ && gradient_norm() <= limits_.tolerance; }
  [[nodiscard]] int iterations() const { return iterations_; }    ///< since set_limits
  [[nodiscard]] int evaluations() const { return evaluations_; }  ///< since set_limits

 private:
  enum class State { start, search, done };
  struct Pair {
    Buffer step, change;   ///< of the point, of the gradient
    double curvature = 0;  ///< step . change
  };

  void begin_iteration();
  void choose_direction();
  void ask(double step);
  void accept(double value, std::span<const float> gradient);
  void remember(std::span<const float> gradient);

  std::size_t history_;
  const Kernels* kernels_;
  Limits limits_;
  State state_ = State::start;
  bool known_ = false;  ///< value_ and gradient_ belong to point_
  Buffer point_, gradient_, direction_, trial_;
  double value_ = 0;
  std::deque<Pair> pairs_;  ///< oldest first
  LineSearch search_;
  int iterations_ = 0, evaluations_ = 0;
};

}  // namespace caft::fused
