#include "caft/core/dtype.hpp"

#include <bit>
#include <string>

#include "caft/core/error.hpp"
#include "core/cpu_features.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace caft {
namespace {

struct DTypeInfo {
  DType type;
  std::string_view name;
  std::size_t bytes;
};

constexpr DTypeInfo kTypes[] = {
    {DType::u8, "U8", 1},     {DType::i8, "I8", 1},   {DType::u16, "U16", 2},
    {DType::i32, "I32", 4},   {DType::u64, "U64", 8}, {DType::f16, "F16", 2},
    {DType::bf16, "BF16", 2}, {DType::f32, "F32", 4},
};

#if defined(__x86_64__)
bool use_f16c() noexcept {
  static const bool use = has_f16c();
  return use;
}

__attribute__((target("avx,f16c"))) void to_half_f16c(const float* from, std::uint16_t* to,
                                                      std::size_t count) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), half);
  }
  for (; i < count; ++i) to[i] = float_to_half(from[i]);
}

__attribute__((target("avx,f16c"))) void to_float_f16c(const std::uint16_t* from, float* to,
                                                       std::size_t count) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(half));
  }
  for (; i < count; ++i) to[i] = half_to_float(from[i]);
}
#endif

}  // namespace

std::size_t size_of(DType type) noexcept { return kTypes[static_cast<std::size_t>(type)].bytes; }

std::string_view to_string(DType type) noexcept {
  return kTypes[static_cast<std::size_t>(type)].name;
}

DType dtype_from_string(std::string_view name) {
  for (const DTypeInfo& info : kTypes) {
    if (info.name == name) return info.type;
  }
  throw Error(ErrorKind::bad_input, "unknown tensor type \"" + std::string(name) + "\"");
}

std::uint16_t float_to_half(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) {  // NaN stays a quiet NaN, with the top of its payload
    return static_cast<std::uint16_t>(sign | 0x7e00U | (magnitude >> 13 & 0x3ffU));
  }
  if (magnitude >= 0x477ff000U) return sign | 0x7c00U;  // rounds to 65520 or more: infinity
  if (magnitude < 0x38800000U) {  // subnormal half: let the FPU round at the right bit
    const float scaled = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(scaled) - 0x3f000000U));
  }
  const std::uint32_t odd = magnitude >> 13 & 1U;
  return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000U + 0xfffU + odd) >> 13));
}

float half_to_float(std::uint16_t bits) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t magnitude = bits & 0x7fffU;
  if (magnitude >= 0x7c00U) {
    return std::bit_cast<float>(sign | 0x7f800000U | (magnitude & 0x3ffU) << 13);
  }
  if (magnitude < 0x400U) {  // zero or subnormal: magnitude * 2^-24, exact in binary32
    const float value = static_cast<float>(magnitude) * 0x1p-24F;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(value));
  }
  return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000U));
}

void float_to_half(const float* from, std::uint16_t* to, std::size_t count) noexcept {
#if defined(__x86_64__)
  if (use_f16c()) return to_half_f16c(from, to, count);
#endif
  for (std::size_t i = 0; i < count; ++i) to[i] = float_to_half(from[i]);
}

void half_to_float(const std::uint16_t* from, float* to, std::size_t count) noexcept {
#if defined(__x86_64__)
  if (use_f16c()) return to_float_f16c(from, to, count);
#endif
  for (std::size_t i = 0; i < count; ++i) to[i] = half_to_float(from[i]);
}

}  // namespace caft
