// Exact nearest neighbours among feature rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "caft/head/head.hpp"

namespace caft::lab {

/// f32 rows in the layout that the search reads: unit length where asked, so that a squared
/// Euclidean distance is twice the cosine distance. A row of zeros stays as it is.
class FeatureRows {
 public:
  FeatureRows(const FeatureView& features, std::span<const std::uint32_t> rows, bool unit_length);

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] std::size_t dim() const { return dim_; }
  [[nodiscard]] std::size_t stride() const { return stride_; }
  [[nodiscard]] const float* row(std::size_t i) const { return values_.data() + i * stride_; }
  [[nodiscard]] double squared_norm(std::size_t i) const { return norms_[i]; }

 private:
  std::size_t count_, dim_, stride_;
  std::vector<float> values_;
  std::vector<double> norms_;
};

struct Neighbor {
  std::uint32_t row = 0;
  double distance = 0;  ///< squared Euclidean, computed in double from the f32 rows
};

/// The `k` nearest other rows of each row, nearest first, equal distances by number:
/// [rows, min(k, rows - 1)]. Exact: blocks of products pick candidates, their distances are
/// computed again in double, and where rounding could have hidden a nearer row, all are. Each pair
/// of blocks is multiplied once for both sides. `threads` 0: every core. Results do not depend on
/// it.
std::vector<Neighbor> nearest_neighbors(const FeatureRows& rows, std::size_t k, int threads = 0);

/// The `k` nearest of `rows` to each query: [queries, min(k, rows)]. Dimensions must agree.
std::vector<Neighbor> nearest_neighbors(const FeatureRows& queries, const FeatureRows& rows,
                                        std::size_t k, int threads = 0);

}  // namespace caft::lab
