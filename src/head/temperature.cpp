#include <algorithm>
#include <cmath>
#include <string>

#include "caft/core/error.hpp"
#include "caft/head/metrics.hpp"

namespace caft {
namespace {

constexpr double kCoolest = 0.05, kHottest = 20;

/// First and second derivative of a loss.
struct Slope {
  double first = 0, second = 0;
};

/// Minimum over [kCoolest, kHottest] of a loss given by its derivatives in the inverse temperature,
/// in which the negative log-likelihood is convex (a log-sum-exp of linear functions): Newton's
/// steps, replaced by a bisection where they leave the bracket.
template <typename SlopeAt>
double minimise(const SlopeAt& slope_at) {
  double low = 1 / kHottest, high = 1 / kCoolest, inverse = 1;
  for (int i = 0; i < 100 && high - low > 1e-9 * high; ++i) {
    const Slope slope = slope_at(inverse);
    (slope.first > 0 ? high : low) = inverse;
    double next = inverse - slope.first / slope.second;
    if (!(next > low && next < high) || i % 3 == 2) next = (low + high) / 2;
    const double moved = std::abs(next - inverse);
    inverse = next;
    if (moved < 1e-7 * inverse) break;
  }
  return std::clamp(1 / inverse, kCoolest, kHottest);
}

void require_shape(std::size_t values, std::size_t rows, std::size_t classes) {
  if (rows == 0 || classes == 0 || values != rows * classes) {
    throw Error(ErrorKind::usage, "a temperature for " + std::to_string(rows) + " samples and " +
                                      std::to_string(classes) + " classes got " +
                                      std::to_string(values) + " logits");
  }
}

}  // namespace

double fit_temperature(std::span<const float> logits, std::span<const std::int32_t> labels,
                       std::size_t classes) {
  require_shape(logits.size(), labels.size(), classes);
  for (const std::int32_t label : labels) {
    if (label < 0 || static_cast<std::size_t>(label) >= classes) {
      throw Error(ErrorKind::usage, "label " + std::to_string(label) + " is not one of " +
                                        std::to_string(classes) + " classes");
    }
  }
  return minimise([&](double inverse) {
    Slope slope;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const std::span<const float> row = logits.subspan(i * classes, classes);
      const double top = *std::ranges::max_element(row);
      double sum = 0, mean = 0, square = 0;  // of the logits below the top, under the softmax
      for (const float value : row) {
        const double z = value - top;
        const double e = std::exp(z * inverse);
        sum += e;
        mean += e * z;
        square += e * z * z;
      }
      mean /= sum;
      slope.first += mean - (row[static_cast<std::size_t>(labels[i])] - top);
      slope.second += square / sum - mean * mean;
    }
    return slope;
  });
}

double fit_temperature_multi_label(std::span<const float> logits,
                                   std::span<const std::uint8_t> targets, std::size_t classes) {
  require_shape(logits.size(), classes == 0 ? 0 : targets.size() / classes, classes);
  return minimise([&](double inverse) {
    Slope slope;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const double z = logits[i];
      const double p = 1 / (1 + std::exp(-z * inverse));
      slope.first += (p - (targets[i] != 0 ? 1 : 0)) * z;
      slope.second += p * (1 - p) * z * z;
    }
    return slope;
  });
}

}  // namespace caft
