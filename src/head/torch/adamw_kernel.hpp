// The arithmetic of AdamW and SGD over plain arrays, in one pass over memory.
#pragma once

#include <cstdint>

namespace caft {

struct AdamWStep {
  double learning_rate, weight_decay;
  std::int64_t step;  ///< from 1
};

/// One AdamW step (Loshchilov and Hutter 2019, as PyTorch's AdamW with its defaults beta 0.9 and
/// 0.999, eps 1e-8) of `count` parameters. PyTorch's own takes a dozen passes over arrays that do
/// not fit in any cache; for the 120 million weights of a VGG head this one pass decides the
/// epoch's time.
void adamw_update(float* parameter, const float* gradient, float* mean, float* square,
                  std::int64_t count, const AdamWStep& how) noexcept;

/// One SGD step with momentum and coupled weight decay, as PyTorch's SGD.
void sgd_update(float* parameter, const float* gradient, float* velocity, std::int64_t count,
                double learning_rate, double momentum, double weight_decay) noexcept;

}  // namespace caft
