// The resize's kernels for AVX-512 with VNNI.
#if defined(__x86_64__)

#include <immintrin.h>

#include "image/resample_kernels.hpp"
#include "image/resample_loops.hpp"

#define CAFT_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni,avx2")))

namespace caft::image {
namespace {

// VNNI multiplies four unsigned by four signed bytes and adds the products to a 32-bit sum: four
// taps of a channel at once. A weight is three signed base-256 digits; normalised weights stay far
// within the +-2 that those can hold.
constexpr int kDigits = 3;
constexpr std::size_t kQuad = 4;                   // outputs made together, one a 128-bit lane
constexpr std::size_t kPackedStep = kDigits * 64;  // bytes a group of four taps of four outputs

/// For every four outputs, every group of taps, every digit: 64 bytes, of which each lane holds the
/// taps of one output four times (red, green, blue, nothing). Lanes past the last output are zero.
void pack(ResampleTable& table) {
  const auto outputs = static_cast<std::size_t>(table.outputs);
  const auto taps = static_cast<std::size_t>(table.taps);
  table.packed.assign((outputs + kQuad - 1) / kQuad * (taps / 4) * kPackedStep / 2, 0);
  auto* bytes = reinterpret_cast<std::int8_t*>(table.packed.data());
  for (std::size_t output = 0; output < outputs; ++output) {
    for (std::size_t tap = 0; tap < taps; ++tap) {
      std::int8_t* group = bytes + (output / kQuad * (taps / 4) + tap / 4) * kPackedStep;
      std::int32_t rest = table.weights[output * taps + tap];
      for (int digit = 0; digit < kDigits; ++digit) {
        const auto value = static_cast<std::int8_t>(rest & 0xFF);
        rest = (rest - value) >> 8;
        for (std::size_t channel = 0; channel < 4; ++channel) {
          group[static_cast<std::size_t>(digit) * 64 + output % kQuad * 16 + channel * 4 +
                tap % 4] = value;
        }
      }
    }
  }
}

CAFT_AVX512 CAFT_INLINE __m512i load_quad(const std::uint8_t* const (&in)[kQuad], std::size_t at) {
  const auto load = [&](std::size_t i) CAFT_AVX512 {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(in[i] + at));
  };
  const __m256i lower = _mm256_inserti128_si256(_mm256_castsi128_si256(load(0)), load(1), 1);
  const __m256i upper = _mm256_inserti128_si256(_mm256_castsi128_si256(load(2)), load(3), 1);
  return _mm512_inserti64x4(_mm512_castsi256_si512(lower), upper, 1);
}

CAFT_AVX512 CAFT_INLINE void horizontal_groups(const std::uint8_t* in, const ResampleTable& table,
                                               std::uint8_t* out, std::size_t groups) {
  const __m512i spread =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1));
  const __m128i squeeze = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
  const std::int32_t* first = table.first.data();
  const auto* packed = reinterpret_cast<const std::uint8_t*>(table.packed.data());
  for (int left = table.outputs; left > 0; left -= 4, first += kQuad, out += 12) {
    const std::uint8_t* pixels[kQuad];
    for (int i = 0; i < 4; ++i) pixels[i] = in + std::ptrdiff_t{first[i < left ? i : 0]} * 3;
    __m512i sums[kDigits] = {_mm512_set1_epi32(kRoundHalf), _mm512_setzero_si512(),
                             _mm512_setzero_si512()};
    for (std::size_t g = 0; g < groups; ++g, packed += kPackedStep) {
      const __m512i taps = _mm512_shuffle_epi8(load_quad(pixels, g * 12), spread);
      for (int digit = 0; digit < kDigits; ++digit) {
        sums[digit] =
            _mm512_dpbusd_epi32(sums[digit], taps, _mm512_loadu_si512(packed + digit * 64));
      }
    }
    const __m512i upper =
        _mm512_add_epi32(_mm512_slli_epi32(sums[2], 16), _mm512_slli_epi32(sums[1], 8));
    const __m512i sum = _mm512_srai_epi32(_mm512_add_epi32(upper, sums[0]), kWeightBits);
    const __m128i rgbx = _mm512_cvtusepi32_epi8(_mm512_max_epi32(sum, _mm512_setzero_si512()));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(rgbx, squeeze));
  }
}

CAFT_AVX512 void horizontal(const std::uint8_t* in, const ResampleTable& table, std::uint8_t* out) {
  // With the usual counts as constants the loop over groups is unrolled.
  switch (table.taps / 4) {
    case 1:
      return horizontal_groups(in, table, out, 1);
    case 2:
      return horizontal_groups(in, table, out, 2);
    default:
      return horizontal_groups(in, table, out, static_cast<std::size_t>(table.taps) / 4);
  }
}

CAFT_AVX512 void vertical(const std::uint8_t* const* rows, const std::int32_t* weights, int taps,
                          std::uint8_t* out, std::size_t bytes) {
  vertical_loop(rows, weights, taps, out, bytes);
}

}  // namespace

extern const ResampleKernels kAvx512VnniKernels;
const ResampleKernels kAvx512VnniKernels{&pack, &horizontal, &vertical};

}  // namespace caft::image

#endif
