// Logits of stored feature rows, block by block, so that no f32 copy of all of them is made.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "caft/head/head.hpp"

namespace caft {

/// logits [rows.size(), classes] of the given rows of `features`.
std::vector<float> feature_logits(const Head& head, const FeatureView& features,
                                  std::span<const std::uint32_t> rows);

}  // namespace caft
