// From a trained LibTorch head to plain dense layers.
#pragma once

#include <torch/torch.h>

#include "caft/head/head.hpp"
#include "head/torch/standardization.hpp"

namespace caft {

/// The Linear layers of `module` as a Head; between them may stand only ReLU and Dropout. The
/// standardisation (x - mean) / std goes into the first: W' = W / std, b' = b - W' mean, in f64.
/// Throws Error(usage) on any other layer.
Head fold_to_head(const torch::nn::Sequential& module, const Standardization& scale,
                  const std::string& kind);

}  // namespace caft
