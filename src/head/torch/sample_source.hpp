// Mini-batches of cached features and their targets.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <span>

#include "caft/head/trainer.hpp"

namespace caft {

/// Reads samples of `data`, which must outlive it and have been checked. Features stay
/// where and as they are: a batch is gathered in the stored dtype and then widened. Thread-safe.
class SampleSource {
 public:
  explicit SampleSource(const TrainingData& data);

  /// f32 [samples.size(), D].
  [[nodiscard]] torch::Tensor features(std::span<const std::uint32_t> samples) const;
  /// int64 [N] class indices, or f32 [N, classes] for multi-label data.
  [[nodiscard]] torch::Tensor targets(std::span<const std::uint32_t> samples) const;

  /// Hands `visit` the features of `samples` in blocks of about 64 MiB, with the position in
  /// `samples` of each block's first.
  void for_each_block(std::span<const std::uint32_t> samples,
                      const std::function<void(const torch::Tensor&, std::size_t)>& visit) const;

  /// Throws Error(bad_input) naming the first sample of `train` or `val` that has a feature which
  /// is not finite.
  void require_finite() const;

  [[nodiscard]] bool multi_label() const { return !data_.multi_hot.empty(); }
  [[nodiscard]] const TrainingData& data() const { return data_; }

 private:
  const TrainingData& data_;
  torch::Tensor rows_;
};

}  // namespace caft
