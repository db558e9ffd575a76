#include "head/fused/loss.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace caft::fused {

Loss::Loss(const TrainingData& data, bool balanced, double smoothing)
    : data_(&data),
      kernels_(&kernels()),
      multi_label_(!data.multi_hot.empty()),
      smoothing_(static_cast<float>(smoothing)),
      weight_(data.classes, 1.0F),
      negative_(multi_label_ ? data.classes : 0, 1.0F) {
  if (balanced) {
    std::vector<double> counts(data.classes, 0);
    for (const std::uint32_t i : data.train) {
      if (multi_label_) {
        for (std::size_t c = 0; c < data.classes; ++c) {
          counts[c] += data.multi_hot[i * data.classes + c] != 0 ? 1 : 0;
        }
      } else {
        counts[static_cast<std::size_t>(data.labels[i])] += 1;
      }
    }
    const auto n = static_cast<double>(data.train.size());
    const auto present =
        static_cast<double>(std::ranges::count_if(counts, [](double count) { return count > 0; }));
    // A class without samples has no weight: it must not count in the smoothing either.
    const auto share = [n](double parts, double count) {
      return count > 0 ? static_cast<float>(n / (parts * count)) : 0.0F;
    };
    for (std::size_t c = 0; c < data.classes; ++c) {
      if (!multi_label_) {
        weight_[c] = share(present, counts[c]);
      } else if (counts[c] > 0 && counts[c] < n) {
        weight_[c] = share(2, counts[c]);
        negative_[c] = share(2, n - counts[c]);
      }
    }
  }
  weight_sum_ = std::accumulate(weight_.begin(), weight_.end(), 0.0);
}

double Loss::backward(std::uint32_t sample, float* logits, float scale) const {
  if (multi_label_) {
    return sigmoid_backward(&data_->multi_hot[sample * data_->classes], logits, scale);
  }
  return softmax_backward(static_cast<std::size_t>(data_->labels[sample]), logits, scale);
}

double Loss::softmax_backward(std::size_t truth, float* logits, float scale) const {
  const std::size_t classes = data_->classes;
  const float uniform = smoothing_ / static_cast<float>(classes);
  const float target = (1 - smoothing_) * weight_[truth];
  const double truth_logit = logits[truth];
  double weighted_logits = 0;
  if (smoothing_ > 0) {
    for (std::size_t c = 0; c < classes; ++c) {
      weighted_logits += static_cast<double>(weight_[c]) * logits[c];
    }
  }
  const double log_sum = kernels_->softmax(logits, classes);
  const auto total = static_cast<float>(target + uniform * weight_sum_);
  for (std::size_t c = 0; c < classes; ++c) {
    logits[c] = scale * (logits[c] * total - uniform * weight_[c]);
  }
  logits[truth] -= scale * target;
  return target * (log_sum - truth_logit) + uniform * (weight_sum_ * log_sum - weighted_logits);
}

double Loss::sigmoid_backward(const std::uint8_t* truth, float* logits, float scale) const {
  double loss = 0;
  for (std::size_t c = 0; c < data_->classes; ++c) {
    const double z = logits[c];
    const double target = (truth[c] != 0 ? 1 : 0) * (1.0 - smoothing_) + smoothing_ * 0.5;
    const double positive = target * weight_[c], negative = (1 - target) * negative_[c];
    const double tail = std::log1p(std::exp(-std::abs(z)));
    loss += positive * (std::max(-z, 0.0) + tail) + negative * (std::max(z, 0.0) + tail);
    const double p = 1 / (1 + std::exp(-z));
    logits[c] = static_cast<float>(scale * (p * (positive + negative) - positive));
  }
  return loss;
}

}  // namespace caft::fused
