// Random numbers that are the same on every platform: shuffles, initial weights, dropout keys.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

namespace caft::fused {

/// SplitMix64 (Steele, Lea & Flood 2014). Streams are told apart by their numbers, so that what an
/// epoch draws depends on its number alone and a resumed run needs no generator state.
class Random {
 public:
  enum class Stream : std::uint64_t { shuffle = 1, weights = 2, dropout = 3 };

  constexpr Random(std::uint64_t seed, Stream stream, std::uint64_t number)
      : state_(scramble(scramble(scramble(seed) + static_cast<std::uint64_t>(stream)) + number)) {}

  constexpr std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    return scramble(state_);
  }

  /// Uniform in [0, bound), bound < 2^32: the upper half of a 32-bit product (its bias, below
  /// bound / 2^32, does not matter here, and no draw is ever repeated).
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
  }

  /// Uniform in [-limit, limit).
  float symmetric(float limit) {
    const auto unit = static_cast<float>(next() >> 40) * 0x1p-23F;  // 24 bits, [0, 2)
    return (unit - 1) * limit;
  }

 private:
  static constexpr std::uint64_t scramble(std::uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
  }

  std::uint64_t state_;
};

/// Fisher-Yates: the order in which epoch `epoch` (from 1) visits its samples.
inline void shuffle(std::span<std::uint32_t> order, std::uint64_t seed, std::uint64_t epoch) {
  Random random(seed, Random::Stream::shuffle, epoch);
  for (std::size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[random.below(static_cast<std::uint32_t>(i))]);
  }
}

}  // namespace caft::fused
