#include "head/torch/adamw_kernel.hpp"

#include <cmath>

namespace caft {

void adamw_update(float* __restrict parameter, const float* __restrict gradient,
                  float* __restrict mean, float* __restrict square, std::int64_t count,
                  const AdamWStep& how) noexcept {
  constexpr double kBeta1 = 0.9, kBeta2 = 0.999;
  constexpr float b1 = static_cast<float>(kBeta1), b2 = static_cast<float>(kBeta2), eps = 1e-8F;
  const auto step = static_cast<double>(how.step);
  const auto rate = static_cast<float>(how.learning_rate / (1 - std::pow(kBeta1, step)));
  const auto root = static_cast<float>(1 / std::sqrt(1 - std::pow(kBeta2, step)));
  const auto keep = static_cast<float>(1 - how.learning_rate * how.weight_decay);
  for (std::int64_t i = 0; i < count; ++i) {
    const float g = gradient[i];
    const float m = b1 * mean[i] + (1 - b1) * g;
    const float v = b2 * square[i] + (1 - b2) * g * g;
    mean[i] = m;
    square[i] = v;
    parameter[i] = keep * parameter[i] - rate * m / (std::sqrt(v) * root + eps);
  }
}

void sgd_update(float* __restrict parameter, const float* __restrict gradient,
                float* __restrict velocity, std::int64_t count, double learning_rate,
                double momentum, double weight_decay) noexcept {
  const auto rate = static_cast<float>(learning_rate), keep = static_cast<float>(momentum),
             decay = static_cast<float>(weight_decay);
  for (std::int64_t i = 0; i < count; ++i) {
    const float v = keep * velocity[i] + gradient[i] + decay * parameter[i];
    velocity[i] = v;
    parameter[i] -= rate * v;
  }
}

}  // namespace caft
