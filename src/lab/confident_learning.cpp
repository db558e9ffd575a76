#include "caft/lab/confident_learning.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "caft/core/error.hpp"

namespace caft::lab {
namespace {

constexpr double kTie = 1e-6;  // cleanlab's tolerance in comparisons of probabilities

std::vector<double> thresholds_of(std::span<const float> probabilities,
                                  std::span<const std::int32_t> labels, std::size_t classes) {
  std::vector<double> sum(classes, 0.0), count(classes, 0.0);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto label = static_cast<std::size_t>(labels[i]);
    sum[label] += probabilities[i * classes + label];
    count[label] += 1;
  }
  for (std::size_t c = 0; c < classes; ++c)
    sum[c] = count[c] > 0 ? sum[c] / count[c] : std::numeric_limits<double>::infinity();
  return sum;
}

std::int32_t most_probable(std::span<const float> row) {
  return static_cast<std::int32_t>(std::ranges::max_element(row) - row.begin());
}

/// The class that a sample confidently is; -1: none. Where several are, the most probable one.
std::int32_t confident_class(std::span<const float> row, std::span<const double> thresholds) {
  std::int32_t only = -1;
  int passed = 0;
  for (std::size_t c = 0; c < row.size(); ++c) {
    if (row[c] < thresholds[c] - kTie) continue;
    if (++passed == 1) only = static_cast<std::int32_t>(c);
  }
  return passed <= 1 ? only : most_probable(row);
}

}  // namespace

LabelErrors confident_learning(std::span<const float> probabilities,
                               std::span<const std::int32_t> labels, std::size_t classes) {
  if (classes == 0 || probabilities.size() != labels.size() * classes) {
    throw Error(ErrorKind::usage, "confident learning: " + std::to_string(probabilities.size()) +
                                      " probabilities do not fit " + std::to_string(labels.size()) +
                                      " labels and " + std::to_string(classes) + " classes");
  }
  LabelErrors errors;
  errors.thresholds = thresholds_of(probabilities, labels, classes);
  errors.joint.assign(classes, std::vector<double>(classes, 0.0));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::span<const float> row = probabilities.subspan(i * classes, classes);
    const auto label = static_cast<std::size_t>(labels[i]);
    const std::int32_t likely = confident_class(row, errors.thresholds);
    if (likely >= 0) errors.joint[label][static_cast<std::size_t>(likely)] += 1;
    errors.quality.push_back(row[label]);
    const std::int32_t top = most_probable(row);
    const double lead = static_cast<double>(row[static_cast<std::size_t>(top)]) - row[label];
    const bool wrong = likely >= 0 && likely != labels[i] && lead > kTie;
    errors.suggested.push_back(wrong ? top : -1);
  }
  for (std::size_t c = 0; c < classes; ++c) errors.joint[c][c] = std::max(1.0, errors.joint[c][c]);
  return errors;
}

std::vector<ClassOverlap> overlapping_classes(const LabelErrors& errors,
                                              std::span<const std::int32_t> labels) {
  const std::size_t classes = errors.joint.size();
  std::vector<double> counts(classes, 0.0), rows(classes, 0.0);
  for (const std::int32_t label : labels) counts[static_cast<std::size_t>(label)] += 1;
  for (std::size_t c = 0; c < classes; ++c) {
    for (const double value : errors.joint[c]) rows[c] += value;
  }
  const auto share = [&](std::size_t given, std::size_t likely) {
    return errors.joint[given][likely] / rows[given] * counts[given] /
           static_cast<double>(labels.size());
  };
  std::vector<ClassOverlap> pairs;
  for (std::size_t a = 0; a < classes; ++a) {
    for (std::size_t b = a + 1; b < classes; ++b) {
      const double both = share(a, b) + share(b, a);
      if (both > 0) {
        pairs.push_back({static_cast<std::int32_t>(a), static_cast<std::int32_t>(b), both});
      }
    }
  }
  std::ranges::stable_sort(pairs, std::ranges::greater{}, &ClassOverlap::share);
  return pairs;
}

}  // namespace caft::lab
