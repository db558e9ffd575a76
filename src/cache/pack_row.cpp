#include "cache/pack_row.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "caft/core/error.hpp"

namespace caft {
namespace {

constexpr float kLargestHalf = 65504.0F;
constexpr float kLargestFloat = 3.40282347e+38F;

// The magnitudes of floats order as their bits do, and NaN and infinity come last: the sign of a
// difference of integers tells. Sixteen at a time, so that the inner loop becomes vector code.
bool within(std::span<const float> row, float limit) {
  constexpr std::size_t kLanes = 16;
  const auto largest = std::bit_cast<std::int32_t>(limit);
  const auto margin = [largest](float value) {
    return largest - (std::bit_cast<std::int32_t>(value) & 0x7fffffff);
  };
  std::array<std::int32_t, kLanes> beyond{};
  std::size_t i = 0;
  for (; i + kLanes <= row.size(); i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) beyond[lane] |= margin(row[i + lane]);
  for (; i < row.size(); ++i) beyond[0] |= margin(row[i]);
  return std::all_of(beyond.begin(), beyond.end(), [](std::int32_t sign) { return sign >= 0; });
}

[[noreturn]] void refuse(const Key128& key, std::span<const float> row, float limit) {
  std::size_t at = 0;
  while (std::fabs(row[at]) <= limit) ++at;
  const std::string what = fmt::format("feature {} of sample {} is {}", at, to_hex(key), row[at]);
  if (!std::isfinite(row[at]))
    throw Error(ErrorKind::bad_input, what,
                "the backbone overflows or its weights are broken; try --precision fp32");
  throw Error(ErrorKind::bad_input, what + ", beyond what fp16 holds (65504)",
              "store as fp32 (--dtype fp32)");
}

}  // namespace

std::span<const std::byte> pack_row(const Key128& key, std::span<const float> row, DType dtype,
                                    std::vector<std::uint16_t>& scratch) {
  const float limit = dtype == DType::f16 ? kLargestHalf : kLargestFloat;
  if (!within(row, limit)) refuse(key, row, limit);
  if (dtype == DType::f32) return std::as_bytes(row);
  scratch.resize(row.size());
  float_to_half(row.data(), scratch.data(), row.size());
  return std::as_bytes(std::span<const std::uint16_t>(scratch));
}

}  // namespace caft
