// Made-up thumbnails.
#pragma once

#include <cstdint>
#include <string>

namespace caft::sample {

/// The data URI of a 96 x 96 PNG: a shape (of `kinds` several, by number) on a noisy ground, moved
/// and coloured by `seed`.
std::string picture(std::size_t kind, std::uint32_t seed);

}  // namespace caft::sample
