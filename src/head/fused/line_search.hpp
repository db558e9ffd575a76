// A strong-Wolfe line search that asks for evaluations.
#pragma once

namespace caft::fused {

/// Nocedal & Wright 2006, algorithms 3.5 (bracketing) and 3.6 (zoom with cubic interpolation), with
/// c1 = 1e-4, c2 = 0.9. Evaluate the function along the direction at step() and tell() value and
/// slope until the answer is not `more`.
class LineSearch {
 public:
  enum class Answer { more, accept, fail };

  /// Begins from step 0, where the function has `value` and a negative `slope`.
  void begin(double value, double slope, double first_step);
  [[nodiscard]] double step() const { return step_; }
  Answer tell(double value, double slope);

 private:
  struct Place {
    double step = 0, value = 0, slope = 0;
  };
  Answer bracket(const Place& here);
  Answer zoom(const Place& here);
  Answer next_between();
  [[nodiscard]] bool too_high(const Place& here) const;

  Place start_, low_, high_;  ///< low_: while bracketing, the step before
  double step_ = 0, noise_ = 0;
  bool bracketed_ = false;
  int told_ = 0;
};

}  // namespace caft::fused
