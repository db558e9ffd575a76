#include "caft/lab/neighbors.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <mutex>

#include "caft/core/error.hpp"
#include "head/fused/buffer.hpp"
#include "head/fused/kernels.hpp"
#include "head/fused/thread_team.hpp"

namespace caft::lab {
namespace {

constexpr std::size_t kBlock = 128;  ///< rows of a block: two blocks of 1,000 features fill an L2
constexpr std::size_t kSpare = 16;   ///< candidates kept beyond k

/// The best candidates of every row by distances rounded to float.
class Candidates {
 public:
  Candidates(std::size_t rows, std::size_t keep)
      : keep_(keep),
        entries_(rows * keep),
        counts_(rows, 0),
        limits_(rows, std::numeric_limits<float>::infinity()) {}

  /// The distance from which on row `i` takes no more.
  [[nodiscard]] const float* limits() const { return limits_.data(); }
  [[nodiscard]] bool full(std::size_t i) const { return counts_[i] == keep_; }

  void add(std::size_t i, std::uint32_t other, float distance) {
    Entry* first = entries_.data() + i * keep_;
    if (counts_[i] == keep_) {
      std::pop_heap(first, first + keep_);
      --counts_[i];
    }
    first[counts_[i]++] = {distance, other};
    std::push_heap(first, first + counts_[i]);
    if (counts_[i] == keep_) limits_[i] = first->distance;
  }

  template <typename Visit>
  void each(std::size_t i, const Visit& visit) const {
    for (std::size_t c = 0; c < counts_[i]; ++c) visit(entries_[i * keep_ + c].row);
  }

 private:
  struct Entry {
    float distance = 0;
    std::uint32_t row = 0;
    bool operator<(const Entry& other) const { return distance < other.distance; }
  };
  std::size_t keep_;
  std::vector<Entry> entries_;
  std::vector<std::size_t> counts_;
  std::vector<float> limits_;
};

double exact_distance(const FeatureRows& a, std::size_t i, const FeatureRows& b, std::size_t j) {
  const float *x = a.row(i), *y = b.row(j);
  double parts[8] = {};
  std::size_t d = 0;
  for (; d + 8 <= a.stride(); d += 8) {  // the stride is a multiple of 16, its padding zero
    for (std::size_t p = 0; p < 8; ++p) {
      const double difference = static_cast<double>(x[d + p]) - y[d + p];
      parts[p] += difference * difference;
    }
  }
  double sum = 0;
  for (const double part : parts) sum += part;
  return sum;
}

class Search {
 public:
  Search(const FeatureRows& queries, const FeatureRows& rows, std::size_t k, int threads)
      : queries_(queries),
        rows_(rows),
        same_(&queries == &rows),
        k_(std::min(k, rows.size() - (same_ && rows.size() > 0 ? 1 : 0))),
        team_(threads),
        candidates_(queries.size(), k_ + kSpare),
        locks_(std::make_unique<std::mutex[]>(blocks(queries.size()) + 1)) {
    double most = 0;
    for (const FeatureRows* side : {&queries, &rows}) {
      for (std::size_t i = 0; i < side->size(); ++i) most = std::max(most, side->squared_norm(i));
    }
    // A dot product over d values, summed in lanes of at least four: (d/4 + 8) roundings of at most
    // half an ulp of |a||b| each, twice that in the distance, and the sum of three terms.
    error_ = (static_cast<double>(rows.dim()) / 2 + 32) * 0x1p-24 * most;
  }

  std::vector<Neighbor> run() {
    std::vector<Neighbor> result(queries_.size() * k_);
    if (k_ == 0 || queries_.size() == 0) return result;
    multiply();
    std::atomic<std::size_t> next{0};
    team_.run([&](int) {
      for (std::size_t i; (i = next++) < queries_.size();) {
        const auto found = settle(i);
        std::copy_n(found.begin(), k_, result.begin() + static_cast<std::ptrdiff_t>(i * k_));
      }
    });
    return result;
  }

 private:
  static std::size_t blocks(std::size_t rows) { return (rows + kBlock - 1) / kBlock; }

  void multiply() {
    std::atomic<std::size_t> next{0};
    team_.run([&](int) {
      fused::Buffer tile(kBlock * kBlock);
      for (std::size_t a; (a = next++) < blocks(queries_.size());) {
        for (std::size_t b = same_ ? a : 0; b < blocks(rows_.size()); ++b) pair(a, b, tile.data());
      }
    });
  }

  /// Distances between query block a and row block b, offered to the rows of both when they are
  /// rows of the same set.
  void pair(std::size_t a, std::size_t b, float* tile) {
    const std::size_t first_a = a * kBlock, first_b = b * kBlock;
    const std::size_t m = std::min(kBlock, queries_.size() - first_a);
    const std::size_t n = std::min(kBlock, rows_.size() - first_b);
    fused::kernels().dot(m, n, queries_.stride(), queries_.row(first_a), queries_.stride(),
                         rows_.row(first_b), rows_.stride(), nullptr, tile, kBlock);
    float norm_b[kBlock];
    for (std::size_t j = 0; j < n; ++j) {
      norm_b[j] = static_cast<float>(rows_.squared_norm(first_b + j));
    }
    for (std::size_t i = 0; i < m; ++i) {
      const auto norm_a = static_cast<float>(queries_.squared_norm(first_a + i));
      float* row = tile + i * kBlock;
      for (std::size_t j = 0; j < n; ++j) row[j] = norm_a + norm_b[j] - 2 * row[j];
    }
    {
      const std::lock_guard lock(locks_[a]);
      for (std::size_t i = 0; i < m; ++i) {
        const float* row = tile + i * kBlock;
        for (std::size_t j = 0; j < n; ++j) {
          if (row[j] < candidates_.limits()[first_a + i] && !(same_ && a == b && i == j)) {
            candidates_.add(first_a + i, static_cast<std::uint32_t>(first_b + j), row[j]);
          }
        }
      }
    }
    if (!same_ || a == b) return;
    const std::lock_guard lock(locks_[b]);
    const float* limits = candidates_.limits() + first_b;
    for (std::size_t i = 0; i < m; ++i) {
      const float* row = tile + i * kBlock;
      for (std::size_t j = 0; j < n; ++j) {
        if (row[j] < limits[j]) {
          candidates_.add(first_b + j, static_cast<std::uint32_t>(first_a + i), row[j]);
        }
      }
    }
  }

  /// The neighbours of query i, from its candidates or, where rounding could have cost one, from
  /// all.
  [[nodiscard]] std::vector<Neighbor> settle(std::size_t i) const {
    std::vector<Neighbor> found;
    candidates_.each(i, [&](std::uint32_t j) {
      found.push_back({j, exact_distance(queries_, i, rows_, j)});
    });
    order(found);
    const bool sure =
        !candidates_.full(i) || found[k_ - 1].distance < candidates_.limits()[i] - error_;
    if (!sure) {
      found.clear();
      for (std::size_t j = 0; j < rows_.size(); ++j) {
        if (same_ && i == j) continue;
        found.push_back({static_cast<std::uint32_t>(j), exact_distance(queries_, i, rows_, j)});
      }
      order(found);
    }
    return found;
  }

  void order(std::vector<Neighbor>& found) const {
    const std::size_t count = std::min(k_, found.size());
    std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count),
                      found.end(), [](const Neighbor& a, const Neighbor& b) {
                        return a.distance != b.distance ? a.distance < b.distance : a.row < b.row;
                      });
  }

  const FeatureRows& queries_;
  const FeatureRows& rows_;
  bool same_;
  std::size_t k_;
  fused::ThreadTeam team_;
  Candidates candidates_;
  std::unique_ptr<std::mutex[]> locks_;  ///< of each block of queries
  double error_ = 0;
};

}  // namespace

FeatureRows::FeatureRows(const FeatureView& features, std::span<const std::uint32_t> rows,
                         bool unit_length)
    : count_(rows.size()),
      dim_(features.dim),
      stride_(fused::output_stride(features.dim)),
      values_(count_ * stride_, 0.0F),
      norms_(count_) {
  for (std::size_t i = 0; i < count_; ++i) {
    const std::size_t start = rows[i] * dim_;
    float* to = values_.data() + i * stride_;
    if (features.dtype == DType::f16) {
      half_to_float(static_cast<const std::uint16_t*>(features.data) + start, to, dim_);
    } else {
      std::copy_n(static_cast<const float*>(features.data) + start, dim_, to);
    }
    double norm = fused::kernels().inner(to, to, dim_);
    if (unit_length && norm > 0) {
      const auto scale = static_cast<float>(1 / std::sqrt(norm));
      for (std::size_t d = 0; d < dim_; ++d) to[d] *= scale;
      norm = fused::kernels().inner(to, to, dim_);
    }
    norms_[i] = norm;
  }
}

std::vector<Neighbor> nearest_neighbors(const FeatureRows& rows, std::size_t k, int threads) {
  return Search(rows, rows, k, threads).run();
}

std::vector<Neighbor> nearest_neighbors(const FeatureRows& queries, const FeatureRows& rows,
                                        std::size_t k, int threads) {
  if (queries.dim() != rows.dim()) {
    throw Error(ErrorKind::usage, "neighbours of rows with " + std::to_string(queries.dim()) +
                                      " features among rows with " + std::to_string(rows.dim()));
  }
  return Search(queries, rows, k, threads).run();
}

}  // namespace caft::lab
