// Features scaled to mean 0 and deviation 1 over the training rows.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>

namespace caft {

class SampleSource;

/// (x - mean) * inverse_std, both f32 [D]. A column that is constant keeps inverse_std 1.
struct Standardization {
  torch::Tensor mean, inverse_std;
};

/// Over the rows of `samples`, read in blocks (Chan, Golub and LeVeque 1983), as scikit-learn's
/// StandardScaler: the population deviation.
Standardization standardization_of(const SampleSource& source,
                                   std::span<const std::uint32_t> samples);

}  // namespace caft
