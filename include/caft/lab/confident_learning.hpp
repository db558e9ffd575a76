// Label errors by confident learning (Northcutt, Jiang & Chuang 2021), as cleanlab computes it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace caft::lab {

struct LabelErrors {
  /// [classes]: mean probability of class j over the samples labelled j; infinity for a class
  /// without any, which no sample then confidently is.
  std::vector<double> thresholds;
  /// [given][likely]: samples labelled `given` that are confidently `likely`, one at least on the
  /// diagonal. What cleanlab calls the confident joint, not calibrated.
  std::vector<std::vector<double>> joint;
  /// [n]: probability of the label that a sample was given ("self-confidence"): low is suspicious.
  std::vector<double> quality;
  /// [n]: the most probable class, where it is not the label and the class that the sample
  /// confidently is, is not either; else -1. (cleanlab's filter_by="confident_learning".)
  std::vector<std::int32_t> suggested;
};

/// From out-of-fold probabilities [n, classes] and the labels given, each in [0, classes).
LabelErrors confident_learning(std::span<const float> probabilities,
                               std::span<const std::int32_t> labels, std::size_t classes);

struct ClassOverlap {
  std::int32_t first = 0, second = 0;
  double share = 0;  ///< of all samples, estimated to bear one of the two labels and be the other
};

/// Pairs of classes that are taken for each other, most first: the calibrated joint, each given
/// class's row scaled to its number of samples, both directions added.
std::vector<ClassOverlap> overlapping_classes(const LabelErrors& errors,
                                              std::span<const std::int32_t> labels);

}  // namespace caft::lab
