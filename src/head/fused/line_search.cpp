#include "head/fused/line_search.hpp"

#include <algorithm>
#include <cmath>

namespace caft::fused {
namespace {

constexpr double kDecrease = 1e-4, kCurvature = 0.9;
constexpr int kMostSteps = 25;

}  // namespace

void LineSearch::begin(double value, double slope, double first_step) {
  start_ = low_ = {0, value, slope};
  step_ = first_step;
  // Values come from float logits: differences below this are rounding, not ascent.
  noise_ = 1e-7 * std::abs(value);
  bracketed_ = false;
  told_ = 0;
}

bool LineSearch::too_high(const Place& here) const {
  return !(here.value <= start_.value + kDecrease * here.step * start_.slope + noise_);
}

LineSearch::Answer LineSearch::tell(double value, double slope) {
  const Place here{step_, value, slope};
  ++told_;
  if (!too_high(here) && std::abs(slope) <= -kCurvature * start_.slope) return Answer::accept;
  if (told_ >= kMostSteps) return value < start_.value ? Answer::accept : Answer::fail;
  return bracketed_ ? zoom(here) : bracket(here);
}

LineSearch::Answer LineSearch::bracket(const Place& here) {
  if (too_high(here) || (told_ > 1 && here.value >= low_.value + noise_)) {
    high_ = here;
  } else if (here.slope >= 0) {
    high_ = low_;
    low_ = here;
  } else {
    low_ = here;
    step_ *= 4;
    return Answer::more;
  }
  bracketed_ = true;
  return next_between();
}

LineSearch::Answer LineSearch::zoom(const Place& here) {
  if (too_high(here) || here.value >= low_.value + noise_) {
    high_ = here;
  } else {
    if (here.slope * (high_.step - low_.step) >= 0) high_ = low_;
    low_ = here;
  }
  return next_between();
}

LineSearch::Answer LineSearch::next_between() {
  const double width = high_.step - low_.step;
  if (std::abs(width) < 1e-12 * std::max(1.0, low_.step)) return Answer::fail;
  // The minimum of the cubic through both ends (Nocedal & Wright, eq. 3.59), kept off the ends.
  double next = low_.step + width / 2;
  const double d1 = low_.slope + high_.slope - 3 * (high_.value - low_.value) / width;
  const double square = d1 * d1 - low_.slope * high_.slope;
  if (std::isfinite(square) && square >= 0) {
    const double d2 = std::copysign(std::sqrt(square), width);
    const double cubic =
        high_.step - width * (high_.slope + d2 - d1) / (high_.slope - low_.slope + 2 * d2);
    if (std::isfinite(cubic)) next = cubic;
  }
  const double a = low_.step + 0.1 * width, b = high_.step - 0.1 * width;
  step_ = std::clamp(next, std::min(a, b), std::max(a, b));
  return Answer::more;
}

}  // namespace caft::fused
