// Checking an EngineConfig before a backend works on it.
#pragma once

#include "caft/engine/engine.hpp"

namespace caft {

/// Throws Error(usage) on a batch range that is not 1 ≤ min ≤ opt ≤ max ≤ 65536, a normalisation
/// that is not finite or divides by zero, an image size outside 1 … 16384, or negative threads.
void check_config(const EngineConfig& config);

}  // namespace caft
