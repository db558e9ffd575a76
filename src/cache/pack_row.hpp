// A row of f32 features in the type that a cache stores.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "caft/core/dtype.hpp"
#include "caft/core/hash.hpp"

namespace caft {

/// The row's bytes as `dtype` (f32 or f16). They lie in `row` itself or in `scratch`, and live as
/// long as both. Throws Error(bad_input) naming the sample and the first value that is NaN,
/// infinite, or, for f16, beyond ±65504.
std::span<const std::byte> pack_row(const Key128& key, std::span<const float> row, DType dtype,
                                    std::vector<std::uint16_t>& scratch);

}  // namespace caft
