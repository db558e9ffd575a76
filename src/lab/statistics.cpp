#include "caft/lab/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace caft::lab {
namespace {

/// Continued fraction of the incomplete beta function (Lentz's method; Press et al., Numerical
/// Recipes, 6.4).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::abs(d) < kTiny ? kTiny : d);
  double h = d;
  for (int m = 1; m <= 500; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    for (const double term : {even, odd}) {
      d = 1 + term * d;
      d = 1 / (std::abs(d) < kTiny ? kTiny : d);
      c = 1 + term / c;
      if (std::abs(c) < kTiny) c = kTiny;
      h *= c * d;
    }
    if (std::abs(c * d - 1) < 1e-16) break;
  }
  return h;
}

/// I_x(a, b), the regularised incomplete beta function.
double regularized_beta(double a, double b, double x) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/// P(T > t) for t >= 0.
double upper_tail(double t, double freedom) {
  return regularized_beta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2;
}

Spread with_variance_factor(std::span<const double> values, double factor) {
  Spread spread;
  const auto n = static_cast<double>(values.size());
  if (values.empty()) return spread;
  for (const double value : values) spread.mean += value / n;
  double squares = 0;
  for (const double value : values) squares += (value - spread.mean) * (value - spread.mean);
  double half = 0;
  if (values.size() > 1) {
    spread.std = std::sqrt(squares / (n - 1));
    half = student_t_quantile(0.975, n - 1) * spread.std * std::sqrt(factor);
  }
  spread.low = spread.mean - half;
  spread.high = spread.mean + half;
  return spread;
}

}  // namespace

double student_t_quantile(double p, double freedom) {
  if (p == 0.5) return 0;
  const double tail = std::min(p, 1 - p);
  double low = 0, high = 1;
  while (upper_tail(high, freedom) > tail && high < 1e12) high *= 2;
  for (int i = 0; i < 200 && high - low > 1e-13 * high; ++i) {
    const double middle = (low + high) / 2;
    (upper_tail(middle, freedom) > tail ? low : high) = middle;
  }
  const double t = (low + high) / 2;
  return p < 0.5 ? -t : t;
}

Spread spread_of(std::span<const double> values) {
  return with_variance_factor(values, 1 / std::max(1.0, static_cast<double>(values.size())));
}

Spread spread_of_folds(std::span<const double> values, int folds) {
  return with_variance_factor(
      values, 1 / std::max(1.0, static_cast<double>(values.size())) + 1.0 / std::max(1, folds - 1));
}

double area_under_roc(std::span<const double> positives, std::span<const double> negatives) {
  if (positives.empty() || negatives.empty()) return 0.5;
  std::vector<double> sorted(negatives.begin(), negatives.end());
  std::ranges::sort(sorted);
  double pairs = 0;
  for (const double score : positives) {
    const auto [low, high] = std::ranges::equal_range(sorted, score);
    pairs += static_cast<double>(low - sorted.begin()) + static_cast<double>(high - low) / 2;
  }
  return pairs / (static_cast<double>(positives.size()) * static_cast<double>(negatives.size()));
}

}  // namespace caft::lab
