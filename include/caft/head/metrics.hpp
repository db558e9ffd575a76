// Classification metrics, as scikit-learn defines them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace caft {

struct ClassMetrics {
  double precision = 0, recall = 0, f1 = 0;
  std::uint64_t support = 0;
};

/// A bin of the reliability diagram: predictions whose confidence lies in [low, high).
struct ReliabilityBin {
  double low = 0, high = 0, confidence = 0, accuracy = 0;
  std::uint64_t count = 0;
};

struct Metrics {
  std::size_t n = 0;
  double loss = 0;  ///< mean cross-entropy (multi-label: mean binary cross-entropy), natural log
  double accuracy = 0;  ///< top-1; multi-label: all labels of a sample right (subset accuracy)
  /// 1 when there are at most five classes. Of equal probabilities the lower class ranks first;
  /// multi-label: some label of the sample is among its five most probable.
  double top5 = 0;
  double macro_f1 = 0;
  /// Expected calibration error (Guo et al. 2017, eq. 3): over 15 bins of equal width, the mean of
  /// |accuracy - mean confidence| weighted by counts. A prediction's confidence is its class's
  /// probability; multi-label: every label is a prediction, by max(p, 1 - p).
  double ece = 0;
  std::optional<double> roc_auc;  ///< two classes: of class 1; multi-label: macro mean
  std::vector<ClassMetrics> per_class;
  std::vector<std::vector<std::uint64_t>>
      confusion;  ///< [truth][predicted]; empty when multi-label
  std::vector<ReliabilityBin> reliability;
};

/// softmax(logits / temperature), rows of `classes`; in place.
void softmax_rows(std::span<float> logits, std::size_t classes, double temperature = 1);
void sigmoid_all(std::span<float> logits, double temperature = 1);

/// Metrics of probabilities [n, classes] against class indices, or against 0/1 targets [n,
/// classes].
Metrics evaluate(std::span<const float> probabilities, std::span<const std::int32_t> labels,
                 std::size_t classes);
Metrics evaluate_multi_label(std::span<const float> probabilities,
                             std::span<const std::uint8_t> targets, std::size_t classes);

/// The temperature that minimises the negative log-likelihood (Guo et al. 2017), in [0.05, 20].
double fit_temperature(std::span<const float> logits, std::span<const std::int32_t> labels,
                       std::size_t classes);
double fit_temperature_multi_label(std::span<const float> logits,
                                   std::span<const std::uint8_t> targets, std::size_t classes);

}  // namespace caft
