#include "caft/lab/audit.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <set>
#include <unordered_map>

#include "caft/core/error.hpp"
#include "caft/head/metrics.hpp"
#include "caft/lab/neighbors.hpp"
#include "caft/lab/out_of_fold.hpp"

namespace caft::lab {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

class Auditor {
 public:
  Auditor(const TrainingData& data, std::span<const SampleKey> keys, std::span<const Split> splits,
          const AuditOptions& options, ProgressSink* progress)
      : data_(data), keys_(keys), splits_(splits), options_(options), progress_(progress) {}

  Audit run() {
    auto start = Clock::now();
    if (data_.multi_hot.empty()) judge_labels();
    audit_.seconds_labels = seconds_since(start);
    start = Clock::now();
    find_equal_images();
    look_at_neighbors();
    audit_.seconds_neighbors = seconds_since(start);
    std::ranges::stable_sort(audit_.findings, [](const Finding& a, const Finding& b) {
      return a.kind != b.kind ? a.kind < b.kind : a.score > b.score;
    });
    return std::move(audit_);
  }

 private:
  [[nodiscard]] std::size_t size() const { return data_.train.size(); }

  void judge_labels() {
    OutOfFold out = out_of_fold(data_,
                                {.folds = options_.folds,
                                 .seed = options_.seed,
                                 .balanced = false,
                                 .threads = options_.threads},
                                progress_);
    audit_.out_of_fold_accuracy = out.accuracy;
    softmax_rows(out.logits, data_.classes, out.temperature);
    std::vector<std::int32_t> labels;
    for (const std::uint32_t i : data_.train) labels.push_back(data_.labels[i]);
    audit_.labels = confident_learning(out.logits, labels, data_.classes);
    audit_.overlaps = overlapping_classes(audit_.labels, labels);
    audit_.ranking.resize(size());
    std::iota(audit_.ranking.begin(), audit_.ranking.end(), 0U);
    std::ranges::stable_sort(audit_.ranking, {},
                             [&](std::uint32_t i) { return audit_.labels.quality[i]; });
    for (std::size_t i = 0; i < size(); ++i) {
      if (audit_.labels.suggested[i] < 0) continue;
      audit_.findings.push_back({.kind = FindingKind::label_error,
                                 .sample = i,
                                 .score = 1 - audit_.labels.quality[i],
                                 .suggested = audit_.labels.suggested[i]});
    }
  }

  /// Which of two like images is the one to look at, and what it is called.
  void add_pair(std::size_t a, std::size_t b, FindingKind kind, double score) {
    std::size_t first = std::min(a, b), second = std::max(a, b);
    if (splits_[a] != splits_[b]) {
      kind = FindingKind::leakage;
      if (splits_[second] == Split::train || splits_[second] == Split::none) {
        std::swap(first, second);
      }
    }
    audit_.findings.push_back({.kind = kind,
                               .sample = second,
                               .score = score,
                               .other = static_cast<std::int64_t>(first)});
  }

  void find_equal_images() {
    std::unordered_map<SampleKey, std::vector<std::size_t>> places;
    for (std::size_t i = 0; i < size(); ++i) places[keys_[i]].push_back(i);
    for (std::size_t i = 0; i < size(); ++i) {
      const std::vector<std::size_t>& same = places[keys_[i]];
      // Each repeats the first of its split; one that is first in its split repeats the very first.
      if (same.front() == i) continue;
      const auto earlier = std::ranges::find_if(
          same, [&](std::size_t j) { return j < i && splits_[j] == splits_[i]; });
      add_pair(earlier != same.end() ? *earlier : same.front(), i, FindingKind::exact_duplicate, 1);
    }
  }

  void look_at_neighbors() {
    if (size() < 3) return;
    if (progress_ != nullptr) progress_->update("comparing images", 0, 0);
    std::vector<std::uint32_t> rows;
    for (const std::uint32_t i : data_.train) rows.push_back(data_.row_of[i]);
    const FeatureRows features(data_.features, rows, true);
    const auto k = std::min(static_cast<std::size_t>(options_.neighbors), size() - 1);
    const std::vector<Neighbor> found = nearest_neighbors(features, k, options_.threads);
    // Of unit vectors, half the squared distance is the cosine distance.
    const auto distance = [&](std::size_t i, std::size_t n) {
      return found[i * k + n].distance / 2;
    };
    find_near_duplicates(found, k, distance);
    find_outliers(k, distance);
  }

  template <typename DistanceOf>
  void find_near_duplicates(const std::vector<Neighbor>& found, std::size_t k,
                            const DistanceOf& distance) {
    std::vector<double> nearest;  // exact duplicates would pull the median to zero
    for (std::size_t i = 0; i < size(); ++i) {
      std::size_t n = 0;
      while (n + 1 < k && keys_[found[i * k + n].row] == keys_[i]) ++n;
      nearest.push_back(distance(i, n));
    }
    audit_.near_distance = options_.near_duplicate * median(std::move(nearest));
    std::set<std::pair<std::size_t, std::size_t>> seen;
    for (std::size_t i = 0; i < size(); ++i) {
      for (std::size_t n = 0; n < k && distance(i, n) < audit_.near_distance; ++n) {
        const std::size_t j = found[i * k + n].row;
        if (keys_[i] == keys_[j] || !seen.insert(std::minmax(i, j)).second) continue;
        add_pair(i, j, FindingKind::near_duplicate, 1 - distance(i, n) / audit_.near_distance);
      }
    }
  }

  /// Beyond Tukey's outer fence (the upper quartile and three interquartile ranges) of the
  /// logarithm of the mean distance to the nearest neighbours.
  template <typename DistanceOf>
  void find_outliers(std::size_t k, const DistanceOf& distance) {
    std::vector<double> mean(size(), 0.0);
    for (std::size_t i = 0; i < size(); ++i) {
      for (std::size_t n = 0; n < k; ++n) mean[i] += distance(i, n) / static_cast<double>(k);
      mean[i] = std::log(std::max(mean[i], 1e-12));
    }
    std::vector<double> sorted = mean;
    std::ranges::sort(sorted);
    const double low = sorted[size() / 4], high = sorted[size() * 3 / 4];
    const double fence = high + 3 * (high - low);
    for (std::size_t i = 0; i < size(); ++i) {
      if (!(mean[i] > fence)) continue;
      const auto below = std::ranges::lower_bound(sorted, mean[i]) - sorted.begin();
      audit_.findings.push_back(
          {.kind = FindingKind::outlier,
           .sample = i,
           .score = static_cast<double>(below) / static_cast<double>(size())});
    }
  }

  const TrainingData& data_;
  std::span<const SampleKey> keys_;
  std::span<const Split> splits_;
  const AuditOptions& options_;
  ProgressSink* progress_;
  Audit audit_;
};

}  // namespace

std::string_view to_string(FindingKind kind) {
  switch (kind) {
    case FindingKind::label_error:
      return "label_error";
    case FindingKind::exact_duplicate:
      return "exact_duplicate";
    case FindingKind::near_duplicate:
      return "near_duplicate";
    case FindingKind::leakage:
      return "leakage";
    case FindingKind::outlier:
      break;
  }
  return "outlier";
}

Audit audit(const TrainingData& data, std::span<const SampleKey> keys,
            std::span<const Split> splits, const AuditOptions& options, ProgressSink* progress) {
  if (keys.size() != data.train.size() || splits.size() != data.train.size()) {
    throw Error(ErrorKind::usage, "an audit needs a key and a split for every sample");
  }
  return Auditor(data, keys, splits, options, progress).run();
}

}  // namespace caft::lab
