// What is wrong with a data set: labels, duplicates, leakage, outliers, classes that overlap.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "caft/cache/cache.hpp"
#include "caft/core/progress.hpp"
#include "caft/data/dataset.hpp"
#include "caft/head/trainer.hpp"
#include "caft/lab/confident_learning.hpp"

namespace caft::lab {

struct AuditOptions {
  int folds = 5;
  int neighbors = 10;  ///< whose mean distance makes an outlier
  /// Two images are near duplicates when their distance is below this share of the median distance
  /// to the nearest neighbour (cleanlab's rule).
  double near_duplicate = 0.13;
  std::uint64_t seed = 0;
  int threads = 0;
};

enum class FindingKind : std::uint8_t {
  label_error,      ///< the label is probably wrong; `suggested`: what it should be
  exact_duplicate,  ///< the same bytes as `other`, in the same split
  near_duplicate,   ///< looks like `other`, in the same split
  leakage,          ///< the same as, or looks like, `other`, which is in another split
  outlier,          ///< unlike everything else
};
std::string_view to_string(FindingKind kind);

struct Finding {
  FindingKind kind = FindingKind::label_error;
  std::size_t sample = 0;  ///< place in `data.train`
  /// How sure the finding is, 0 to 1: 1 - probability of the label given; 1 of exact duplicates;
  /// 1 - distance / threshold of near ones; of outliers the share of images that are less far away.
  double score = 0;
  std::int32_t suggested = -1;  ///< class; label errors only
  std::int64_t other = -1;      ///< place of the image that this one repeats
};

struct Audit {
  std::vector<Finding> findings;  ///< by kind in the order of FindingKind, surest first
  /// Every sample's label, most suspicious first: places in `data.train`. Empty when multi-label.
  std::vector<std::uint32_t> ranking;
  LabelErrors labels;                  ///< empty when multi-label
  std::vector<ClassOverlap> overlaps;  ///< empty when multi-label
  double out_of_fold_accuracy = 0;
  double near_distance = 0;  ///< cosine distance below which two images are near duplicates
  double seconds_labels = 0, seconds_neighbors = 0;
};

/// Audits the samples of `data.train`. `keys` and `splits` are theirs, in the same order: equal
/// keys are equal images, and a pair in different splits is leakage. Of a pair in one split the
/// later sample is the duplicate; of a leak it is the one outside train. Throws as out_of_fold.
Audit audit(const TrainingData& data, std::span<const SampleKey> keys,
            std::span<const Split> splits, const AuditOptions& options = {},
            ProgressSink* progress = nullptr);

}  // namespace caft::lab
