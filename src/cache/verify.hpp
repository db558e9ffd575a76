// The whole check of a cache.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "cache/state.hpp"

namespace caft {

/// What Cache::verify gives.
std::vector<CacheFault> verify_cache(
    const CacheState& state, const std::function<void(std::uint64_t, std::uint64_t)>& progress);

}  // namespace caft
