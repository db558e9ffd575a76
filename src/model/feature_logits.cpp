#include "model/feature_logits.hpp"

#include <algorithm>

namespace caft {

std::vector<float> feature_logits(const Head& head, const FeatureView& features,
                                  std::span<const std::uint32_t> rows) {
  constexpr std::size_t kBlock = 1024;
  const std::size_t dim = features.dim;
  std::vector<float> block(std::min(kBlock, rows.size()) * dim);
  std::vector<float> logits;
  logits.reserve(rows.size() * head.classes());
  for (std::size_t first = 0; first < rows.size(); first += kBlock) {
    const std::size_t count = std::min(kBlock, rows.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t start = rows[first + i] * dim;
      float* to = block.data() + i * dim;
      if (features.dtype == DType::f16) {
        half_to_float(static_cast<const std::uint16_t*>(features.data) + start, to, dim);
      } else {
        std::copy_n(static_cast<const float*>(features.data) + start, dim, to);
      }
    }
    const std::vector<float> part = head.logits({block.data(), count * dim}, count);
    logits.insert(logits.end(), part.begin(), part.end());
  }
  return logits;
}

}  // namespace caft
