// Features as the trainers see them: standardised, in blocks, from the cache's own buffer.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "caft/head/trainer.hpp"
#include "head/fused/buffer.hpp"
#include "head/fused/kernels.hpp"
#include "head/fused/thread_team.hpp"

namespace caft::fused {

/// Turns rows of the caller's buffer (f16 or f32, left as they are) into standardised f32 rows, one
/// at a time: (x - mean) / std over the training samples, population std as scikit-learn's
/// StandardScaler. A feature that does not vary becomes 0. Thread-safe; borrows the data.
class StandardizedFeatures {
 public:
  /// One pass over the training samples for the statistics, in double, and one over the validation
  /// samples. Throws Error(bad_input) naming a sample with NaN or infinity.
  StandardizedFeatures(const TrainingData& data, ThreadTeam& team);

  [[nodiscard]] std::size_t dim() const { return data_->features.dim; }
  /// Floats of a row: row_stride(dim()).
  [[nodiscard]] std::size_t stride() const { return row_stride(dim()); }

  /// Writes sample `sample` to `out` [stride()]: its features, 1, and zeros.
  void load(std::uint32_t sample, float* out) const;

  /// The statistics that `load` uses: (x - mean) * scale. [dim()]
  [[nodiscard]] const std::vector<float>& mean() const { return mean_f32_; }
  [[nodiscard]] const std::vector<float>& scale() const { return scale_f32_; }

  /// Sample `sample` as the cache holds it: dim() values of the data's dtype.
  [[nodiscard]] const void* row(std::uint32_t sample) const;

  /// A layer over raw features from `weight` [outputs, stride()] over standardised ones.
  [[nodiscard]] DenseLayer fold(std::span<const float> weight, std::size_t outputs) const;

 private:
  void standardize(std::uint32_t sample, std::size_t first, std::size_t count, const float* mean,
                   const float* scale, float* out) const;
  void measure(ThreadTeam& team);
  void check_finite(std::span<const std::uint32_t> samples, ThreadTeam& team) const;
  [[nodiscard]] bool finite(std::uint32_t sample, float* scratch) const;

  const TrainingData* data_;
  const Kernels* kernels_;
  std::vector<double> mean_, scale_;  ///< exact; scale is 1 / std, or 0
  std::vector<float> mean_f32_, scale_f32_;
};

}  // namespace caft::fused
