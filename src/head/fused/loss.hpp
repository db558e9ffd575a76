// Cross-entropy with class weights and label smoothing, and its gradient by the logits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "caft/head/trainer.hpp"
#include "head/fused/kernels.hpp"

namespace caft::fused {

/// The loss of one sample. Single-label: softmax cross-entropy, weighted and smoothed as PyTorch's
/// CrossEntropyLoss(weight, label_smoothing) does, so that a mean is the sum of losses over the sum
/// of weights. Multi-label: the sum over labels of the sigmoid's binary cross-entropy, targets
/// smoothed towards 1/2. "Balanced" weights are scikit-learn's n / (classes * n_c), a multi-label's
/// positives and negatives being each label's two classes. Thread-safe; borrows the data.
class Loss {
 public:
  Loss(const TrainingData& data, bool balanced, double smoothing);

  /// What a sample counts in the mean's denominator. Multi-label: 1.
  [[nodiscard]] double weight(std::uint32_t sample) const {
    return multi_label_ ? 1.0 : weight_[static_cast<std::size_t>(data_->labels[sample])];
  }

  [[nodiscard]] bool multi_label() const { return multi_label_; }

  /// What a batch's sum of losses is divided by: its weights; a multi-label mean goes over the
  /// labels too.
  [[nodiscard]] double terms(double weight) const {
    return weight * (multi_label_ ? static_cast<double>(data_->classes) : 1.0);
  }

  [[nodiscard]] float smoothing() const { return smoothing_; }
  /// Of each class; multi-label: of each label's positives.
  [[nodiscard]] const std::vector<float>& weights() const { return weight_; }
  /// Multi-label: of each label's negatives; else empty.
  [[nodiscard]] const std::vector<float>& negative_weights() const { return negative_; }
  [[nodiscard]] double weight_sum() const { return weight_sum_; }

  /// Returns the loss of a sample from its logits [classes], and puts in their place the loss's
  /// gradient times `scale`.
  double backward(std::uint32_t sample, float* logits, float scale) const;

 private:
  double softmax_backward(std::size_t truth, float* logits, float scale) const;
  double sigmoid_backward(const std::uint8_t* truth, float* logits, float scale) const;

  const TrainingData* data_;
  const Kernels* kernels_;
  bool multi_label_;
  float smoothing_;
  std::vector<float> weight_;    ///< of a class; multi-label: of a label's positives
  std::vector<float> negative_;  ///< multi-label: of a label's negatives
  double weight_sum_ = 0;
};

}  // namespace caft::fused
