// Cached features as LibTorch tensors, without a copy.
#pragma once

#include <torch/torch.h>

#include "caft/cache/cache.hpp"
#include "caft/head/head.hpp"

namespace caft {

/// A tensor [rows, dim], f32 or f16, over the memory of `features`, which must outlive it and every
/// view of it. It is for reading: an in-place operation on it would change the cached rows.
/// Throws Error(usage) on another dtype or on missing data.
torch::Tensor as_tensor(const FeatureView& features);

/// The same over a FeatureMatrix, whose buffer the tensor keeps alive. Its rows stand in the
/// matrix's own order: sample i is row `row_of[i]`.
torch::Tensor as_tensor(const FeatureMatrix& features);

}  // namespace caft
