#include "caft/core/dtype.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "caft/core/error.hpp"

namespace caft {
namespace {

/// The definition of binary16, digit by digit, as an oracle.
double value_of(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  if (exponent == 31) return fraction == 0 ? sign * INFINITY : NAN;
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

TEST(Half, EveryHalfBecomesItsValueAndComesBack) {
  for (int i = 0; i < 0x10000; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const float value = half_to_float(bits);
    if (std::isnan(value_of(bits))) {
      EXPECT_TRUE(std::isnan(value));
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value))));
    } else {
      ASSERT_EQ(static_cast<double>(value), value_of(bits)) << i;
      ASSERT_EQ(float_to_half(value), bits) << i;
    }
  }
}

TEST(Half, RoundsToNearestEven) {
  for (int i = 0; i < 0x7bff; ++i) {  // between each pair of finite neighbours
    const auto low = static_cast<std::uint16_t>(i);
    const auto high = static_cast<std::uint16_t>(i + 1);
    const float middle = static_cast<float>((value_of(low) + value_of(high)) / 2);
    const std::uint16_t even = i % 2 == 0 ? low : high;
    ASSERT_EQ(float_to_half(middle), even) << i;
    ASSERT_EQ(float_to_half(std::nextafter(middle, 1e9F)), high) << i;
    ASSERT_EQ(float_to_half(std::nextafter(middle, 0.0F)), low) << i;
  }
  EXPECT_EQ(float_to_half(65519.0F), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0F), 0x7c00);
  EXPECT_EQ(float_to_half(-1e30F), 0xfc00);
}

TEST(Half, ManyAtOnceEqualOneByOne) {
  std::vector<float> values;
  for (int i = 0; i < 1003; ++i)
    values.push_back(std::ldexp(static_cast<float>(i * 37 % 911) - 455.F, i % 40 - 28));
  std::vector<std::uint16_t> halves(values.size());
  std::vector<float> back(values.size());
  float_to_half(values.data(), halves.data(), values.size());
  half_to_float(halves.data(), back.data(), back.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(halves[i], float_to_half(values[i]));
    ASSERT_EQ(std::bit_cast<std::uint32_t>(back[i]),
              std::bit_cast<std::uint32_t>(half_to_float(halves[i])));
  }
}

TEST(DType, NamesRoundTrip) {
  for (const DType type : {DType::u8, DType::i8, DType::u16, DType::i32, DType::u64, DType::f16,
                           DType::bf16, DType::f32}) {
    EXPECT_EQ(dtype_from_string(to_string(type)), type);
  }
  EXPECT_THROW((void)dtype_from_string("F64"), Error);
  EXPECT_EQ(size_of(DType::u64), 8U);
  EXPECT_EQ(size_of(DType::bf16), 2U);
}

}  // namespace
}  // namespace caft
