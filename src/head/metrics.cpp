#include "caft/head/metrics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>

#include "caft/core/error.hpp"

namespace caft {
namespace {

constexpr std::size_t kBins = 15;
// A probability of zero for what did happen would make the loss infinite: it is clipped at the
// machine epsilon of its type, as scikit-learn's log_loss does.
constexpr double kLeastProbability = 1.1920929e-7;

double log_clipped(double probability) {
  return std::log(std::clamp(probability, kLeastProbability, 1.0));
}

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0.0; }

/// Counts of one class, or one label.
struct Counts {
  std::uint64_t hit = 0, false_positive = 0, missed = 0;
  [[nodiscard]] ClassMetrics metrics() const {
    const auto h = static_cast<double>(hit);
    ClassMetrics m;
    m.precision = ratio(h, h + static_cast<double>(false_positive));
    m.recall = ratio(h, h + static_cast<double>(missed));
    m.f1 = ratio(2 * h, 2 * h + static_cast<double>(false_positive + missed));
    m.support = hit + missed;
    return m;
  }
};

/// Reliability diagram and calibration error: bins of equal width over the confidence, the error
/// being the mean of |accuracy - confidence| weighted by the bins' counts (Guo et al. 2017, eq. 3).
class Calibration {
 public:
  void add(double confidence, bool right) {
    const auto bin = std::min(kBins - 1, static_cast<std::size_t>(confidence * kBins));
    confidence_[bin] += confidence;
    right_[bin] += right ? 1 : 0;
    ++count_[bin];
  }

  void finish(Metrics& metrics) const {
    const auto all = static_cast<double>(std::accumulate(count_.begin(), count_.end(), 0ULL));
    for (std::size_t i = 0; i < kBins; ++i) {
      const auto n = static_cast<double>(count_[i]);
      ReliabilityBin bin{.low = static_cast<double>(i) / kBins,
                         .high = static_cast<double>(i + 1) / kBins,
                         .confidence = ratio(confidence_[i], n),
                         .accuracy = ratio(static_cast<double>(right_[i]), n),
                         .count = count_[i]};
      metrics.ece += ratio(n * std::abs(bin.accuracy - bin.confidence), all);
      metrics.reliability.push_back(bin);
    }
  }

 private:
  std::array<double, kBins> confidence_{};
  std::array<std::uint64_t, kBins> right_{}, count_{};
};

/// Area under the ROC curve by the rank sum (Mann & Whitney 1947), ties counting half; nothing when
/// one of the two classes is missing.
template <typename Score, typename Truth>
std::optional<double> roc_auc(std::size_t n, const Score& score, const Truth& truth) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return score(a) < score(b); });
  double rank_sum = 0;
  std::uint64_t positives = 0;
  for (std::size_t first = 0; first < n;) {
    std::size_t last = first;
    std::uint64_t here = 0;
    for (; last < n && score(order[last]) == score(order[first]); ++last) {
      here += truth(order[last]) ? 1 : 0;
    }
    const double rank = static_cast<double>(first + last + 1) / 2;  // mean of first+1 … last
    rank_sum += rank * static_cast<double>(here);
    positives += here;
    first = last;
  }
  const auto p = static_cast<double>(positives);
  const double q = static_cast<double>(n) - p;
  if (p == 0 || q == 0) return std::nullopt;
  return (rank_sum - p * (p + 1) / 2) / (p * q);
}

void require_probabilities(std::span<const float> probabilities) {
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    if (!(probabilities[i] >= 0 && probabilities[i] <= 1.0001F)) {
      throw Error(ErrorKind::usage,
                  "metrics need probabilities, but value " + std::to_string(i) + " is " +
                      std::to_string(probabilities[i]),
                  "call softmax_rows or sigmoid_all first");
    }
  }
}

void require_shape(std::size_t values, std::size_t rows, std::size_t classes) {
  if (classes == 0 || values != rows * classes) {
    throw Error(ErrorKind::usage, "metrics of " + std::to_string(rows) + " samples and " +
                                      std::to_string(classes) + " classes got " +
                                      std::to_string(values) + " values");
  }
}

double mean_f1(const std::vector<ClassMetrics>& classes) {
  double sum = 0;
  for (const ClassMetrics& c : classes) sum += c.f1;
  return ratio(sum, static_cast<double>(classes.size()));
}

}  // namespace

void softmax_rows(std::span<float> logits, std::size_t classes, double temperature) {
  require_shape(logits.size(), classes == 0 ? 0 : logits.size() / classes, classes);
  for (std::size_t start = 0; start < logits.size(); start += classes) {
    const std::span<float> row = logits.subspan(start, classes);
    const double top = *std::ranges::max_element(row);
    double sum = 0;
    for (float& value : row) {
      const double e = std::exp((value - top) / temperature);
      value = static_cast<float>(e);
      sum += e;
    }
    for (float& value : row) value = static_cast<float>(value / sum);
  }
}

void sigmoid_all(std::span<float> logits, double temperature) {
  for (float& value : logits) value = static_cast<float>(1 / (1 + std::exp(-value / temperature)));
}

Metrics evaluate(std::span<const float> probabilities, std::span<const std::int32_t> labels,
                 std::size_t classes) {
  require_shape(probabilities.size(), labels.size(), classes);
  require_probabilities(probabilities);
  Metrics metrics;
  metrics.n = labels.size();
  metrics.confusion.assign(classes, std::vector<std::uint64_t>(classes, 0));
  Calibration calibration;
  std::uint64_t right = 0, among_five = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || static_cast<std::size_t>(labels[i]) >= classes) {
      throw Error(ErrorKind::usage, "label " + std::to_string(labels[i]) + " of sample " +
                                        std::to_string(i) + " is not one of " +
                                        std::to_string(classes) + " classes");
    }
    const auto truth = static_cast<std::size_t>(labels[i]);
    const std::span<const float> row = probabilities.subspan(i * classes, classes);
    const auto predicted = static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
    ++metrics.confusion[truth][predicted];
    right += predicted == truth ? 1 : 0;
    // Of equal probabilities the lower class counts as ranked first, as in the arg max.
    std::size_t before = 0;
    for (std::size_t c = 0; c < classes; ++c) {
      before += row[c] > row[truth] || (row[c] == row[truth] && c < truth) ? 1 : 0;
    }
    among_five += before < 5 ? 1 : 0;
    metrics.loss -= log_clipped(row[truth]);
    calibration.add(row[predicted], predicted == truth);
  }
  const auto n = static_cast<double>(metrics.n);
  metrics.loss = ratio(metrics.loss, n);
  metrics.accuracy = ratio(static_cast<double>(right), n);
  metrics.top5 = ratio(static_cast<double>(among_five), n);
  for (std::size_t c = 0; c < classes; ++c) {
    Counts counts{.hit = metrics.confusion[c][c]};
    for (std::size_t other = 0; other < classes; ++other) {
      if (other == c) continue;
      counts.missed += metrics.confusion[c][other];
      counts.false_positive += metrics.confusion[other][c];
    }
    metrics.per_class.push_back(counts.metrics());
  }
  metrics.macro_f1 = mean_f1(metrics.per_class);
  if (classes == 2) {
    metrics.roc_auc = roc_auc(
        metrics.n, [&](std::size_t i) { return probabilities[2 * i + 1]; },
        [&](std::size_t i) { return labels[i] == 1; });
  }
  calibration.finish(metrics);
  return metrics;
}

Metrics evaluate_multi_label(std::span<const float> probabilities,
                             std::span<const std::uint8_t> targets, std::size_t classes) {
  const std::size_t rows = classes == 0 ? 0 : targets.size() / classes;
  require_shape(probabilities.size(), rows, classes);
  require_shape(targets.size(), rows, classes);
  require_probabilities(probabilities);
  Metrics metrics;
  metrics.n = rows;
  std::vector<Counts> counts(classes);
  Calibration calibration;
  std::uint64_t all_right = 0, among_five = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::span<const float> row = probabilities.subspan(i * classes, classes);
    bool whole = true, found = false;
    for (std::size_t c = 0; c < classes; ++c) {
      const double p = row[c];
      const bool truth = targets[i * classes + c] != 0;
      const bool predicted = p >= 0.5;
      whole = whole && truth == predicted;
      if (truth) {
        (predicted ? counts[c].hit : counts[c].missed) += 1;
        const auto before = std::ranges::count_if(row, [&](float q) { return q > row[c]; });
        found = found || before < 5;
      } else if (predicted) {
        ++counts[c].false_positive;
      }
      metrics.loss -= log_clipped(truth ? p : 1 - p);
      calibration.add(predicted ? p : 1 - p, truth == predicted);
    }
    all_right += whole ? 1 : 0;
    among_five += found ? 1 : 0;
  }
  const auto n = static_cast<double>(rows);
  metrics.loss = ratio(metrics.loss, n * static_cast<double>(classes));
  metrics.accuracy = ratio(static_cast<double>(all_right), n);
  metrics.top5 = classes <= 5 ? 1 : ratio(static_cast<double>(among_five), n);
  double auc_sum = 0;
  std::size_t auc_count = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    metrics.per_class.push_back(counts[c].metrics());
    const auto auc = roc_auc(
        rows, [&](std::size_t i) { return probabilities[i * classes + c]; },
        [&](std::size_t i) { return targets[i * classes + c] != 0; });
    if (!auc) continue;  // a label that all samples have, or none: no curve
    auc_sum += *auc;
    ++auc_count;
  }
  if (auc_count > 0) metrics.roc_auc = auc_sum / static_cast<double>(auc_count);
  metrics.macro_f1 = mean_f1(metrics.per_class);
  calibration.finish(metrics);
  return metrics;
}

}  // namespace caft
