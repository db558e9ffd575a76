#include "model/scoring.hpp"

#include <algorithm>
#include <numeric>

#include "caft/head/metrics.hpp"

namespace caft {
namespace {

/// Features as they come back from the cache that the head was trained on.
std::vector<float> rounded(std::span<const float> features, DType dtype) {
  std::vector<float> result(features.begin(), features.end());
  if (dtype == DType::f16) {
    std::vector<std::uint16_t> half(features.size());
    float_to_half(features.data(), half.data(), half.size());
    half_to_float(half.data(), result.data(), half.size());
  }
  return result;
}

}  // namespace

std::vector<float> row_logits(const Model& model, std::span<const float> features) {
  return model.head.logits(rounded(features, model.feature_dtype), 1);
}

void to_probabilities(const Model& model, std::span<float> logits) {
  if (model.multi_label) {
    sigmoid_all(logits, model.temperature);
  } else {
    softmax_rows(logits, logits.size(), model.temperature);
  }
}

std::vector<float> row_probabilities(const Model& model, std::span<const float> features) {
  std::vector<float> p = row_logits(model, features);
  to_probabilities(model, p);
  return p;
}

std::vector<ClassProbability> top_classes(std::span<const float> p, int top) {
  std::vector<std::int32_t> order(p.size());
  std::iota(order.begin(), order.end(), 0);
  const auto count =
      std::min<std::size_t>(order.size(), static_cast<std::size_t>(std::max(1, top)));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [p](std::int32_t a, std::int32_t b) {
                      const float pa = p[static_cast<std::size_t>(a)];
                      const float pb = p[static_cast<std::size_t>(b)];
                      return pa != pb ? pa > pb : a < b;
                    });
  std::vector<ClassProbability> best;
  best.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    best.push_back({order[i], p[static_cast<std::size_t>(order[i])]});
  return best;
}

}  // namespace caft
