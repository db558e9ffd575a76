#include "head/torch/objective.hpp"

#include "head/torch/sample_source.hpp"

namespace caft {
namespace {

namespace F = torch::nn::functional;

/// n / (classes * n_c), as scikit-learn's "balanced"; a class without samples weighs nothing.
torch::Tensor class_weights(const SampleSource& source) {
  const TrainingData& data = source.data();
  const auto classes = static_cast<std::int64_t>(data.classes);
  const torch::Tensor count =
      torch::bincount(source.targets(data.train), {}, classes).to(torch::kDouble);
  const auto n = static_cast<double>(data.train.size());
  return torch::where(count > 0, n / (static_cast<double>(classes) * count),
                      torch::zeros_like(count));
}

/// Negatives to positives, so that both weigh the same in a label's loss; 1 without positives.
torch::Tensor positive_weights(const SampleSource& source) {
  const TrainingData& data = source.data();
  torch::Tensor count = torch::zeros({static_cast<std::int64_t>(data.classes)}, torch::kDouble);
  for (const std::uint32_t sample : data.train) count += source.targets({&sample, 1})[0];
  const auto n = static_cast<double>(data.train.size());
  return torch::where(count > 0, ((n - count) / count).clamp_min(1 / n), torch::ones_like(count));
}

}  // namespace

Objective::Objective(const SampleSource& source, const TrainConfig& config)
    : multi_label_(source.multi_label()), smoothing_(config.label_smoothing) {
  if (!config.balanced) return;
  weights_ = (multi_label_ ? positive_weights(source) : class_weights(source)).to(torch::kFloat);
}

torch::Tensor Objective::training_loss(const torch::Tensor& logits,
                                       const torch::Tensor& targets) const {
  if (multi_label_) {
    F::BinaryCrossEntropyWithLogitsFuncOptions options;
    if (weights_.defined()) options.pos_weight(weights_);
    return F::binary_cross_entropy_with_logits(
        logits, smoothing_ > 0 ? targets * (1 - smoothing_) + smoothing_ / 2 : targets, options);
  }
  auto options = F::CrossEntropyFuncOptions().label_smoothing(smoothing_);
  if (weights_.defined()) options.weight(weights_);
  return F::cross_entropy(logits, targets, options);
}

void Objective::validate(const torch::Tensor& logits, const torch::Tensor& targets,
                         EpochRecord& record) const {
  torch::Tensor right;
  if (multi_label_) {
    record.val_loss = F::binary_cross_entropy_with_logits(logits, targets).item<double>();
    right = (logits >= 0).eq(targets > 0).all(1);
  } else {
    record.val_loss = F::cross_entropy(logits, targets).item<double>();
    right = logits.argmax(1).eq(targets);
  }
  record.val_accuracy = right.to(torch::kDouble).mean().item<double>();
}

}  // namespace caft
