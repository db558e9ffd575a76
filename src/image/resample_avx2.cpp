// The resize's kernels for AVX2.
#if defined(__x86_64__)

#include <immintrin.h>

#include "image/resample_kernels.hpp"
#include "image/resample_loops.hpp"

#define CAFT_AVX2 __attribute__((target("avx2")))

namespace caft::image {
namespace {

// AVX2 multiplies 16-bit integers twice as densely as 32-bit ones, so a weight is split into
// high * 2^14 + low, both of which fit. All sums are exact modulo 2^32, and the total fits.
constexpr int kLowBits = 14;
constexpr std::size_t kPackedGroup = 32;  // 16-bit numbers a group of four taps of one output

/// A group: high parts for taps 0 1 in the lower half and 2 3 in the upper one, the pair four times
/// (red, green, blue, nothing); then the low parts in the same way.
void pack(ResampleTable& table) {
  table.packed.resize(table.weights.size() / 4 * kPackedGroup);
  std::int16_t* group = table.packed.data();
  for (std::size_t i = 0; i < table.weights.size(); i += 4, group += kPackedGroup) {
    for (std::size_t slot = 0; slot < 16; ++slot) {
      const std::int32_t weight = table.weights[i + slot / 8 * 2 + slot % 2];
      group[slot] = static_cast<std::int16_t>(weight >> kLowBits);
      group[16 + slot] = static_cast<std::int16_t>(weight & ((1 << kLowBits) - 1));
    }
  }
}

/// Sums of one output pixel: red, green, blue, nothing over even pairs of taps in the lower half,
/// over odd pairs in the upper one.
CAFT_AVX2 CAFT_INLINE __m256i sum_taps(const std::uint8_t* in, const std::int16_t* packed,
                                       int groups) {
  const __m256i spread =
      _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 6, -1, 9, -1, 7,
                       -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  __m256i high = _mm256_setzero_si256(), low = _mm256_setzero_si256();
  for (int g = 0; g < groups; ++g, in += 12, packed += kPackedGroup) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
    const __m256i pixels = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), spread);
    const auto* weights = reinterpret_cast<const __m256i*>(packed);
    high = _mm256_add_epi32(high, _mm256_madd_epi16(pixels, _mm256_loadu_si256(weights)));
    low = _mm256_add_epi32(low, _mm256_madd_epi16(pixels, _mm256_loadu_si256(weights + 1)));
  }
  return _mm256_add_epi32(_mm256_slli_epi32(high, kLowBits), low);
}

/// Adds the halves of two outputs' sums, rounds and shifts: the first's colours below, the second's
/// above.
CAFT_AVX2 CAFT_INLINE __m256i finish_pair(__m256i first, __m256i second) {
  const __m256i lower = _mm256_permute2x128_si256(first, second, 0x20);
  const __m256i upper = _mm256_permute2x128_si256(first, second, 0x31);
  const __m256i sum =
      _mm256_add_epi32(_mm256_add_epi32(lower, upper), _mm256_set1_epi32(kRoundHalf));
  return _mm256_srai_epi32(sum, kWeightBits);
}

/// Four output pixels, saturated to bytes, as 12 bytes and 4 of zero.
CAFT_AVX2 CAFT_INLINE __m128i four_pixels(const __m256i (&sums)[4]) {
  const __m256i words =
      _mm256_packs_epi32(finish_pair(sums[0], sums[1]), finish_pair(sums[2], sums[3]));
  const __m256i bytes = _mm256_packus_epi16(words, words);  // pixels 0 2 below, 1 3 above
  const __m128i rgbx =
      _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
  return _mm_shuffle_epi8(rgbx,
                          _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
}

CAFT_AVX2 CAFT_INLINE void horizontal_groups(const std::uint8_t* in, const ResampleTable& table,
                                             std::uint8_t* out, int groups) {
  const std::int32_t* first = table.first.data();
  const std::int16_t* packed = table.packed.data();
  const std::size_t step = static_cast<std::size_t>(groups) * kPackedGroup;
  for (int left = table.outputs; left > 0; left -= 4, first += 4, packed += 4 * step, out += 12) {
    __m256i sums[4];
    for (int i = 0; i < 4; ++i) {
      const int at = i < left ? i : 0;  // past the end: anything that may be read
      sums[i] = sum_taps(in + std::ptrdiff_t{first[at]} * 3,
                         packed + static_cast<std::size_t>(at) * step, groups);
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), four_pixels(sums));
  }
}

CAFT_AVX2 void horizontal(const std::uint8_t* in, const ResampleTable& table, std::uint8_t* out) {
  // With the usual counts as constants the loop over groups is unrolled.
  switch (table.taps / 4) {
    case 1:
      return horizontal_groups(in, table, out, 1);
    case 2:
      return horizontal_groups(in, table, out, 2);
    default:
      return horizontal_groups(in, table, out, table.taps / 4);
  }
}

CAFT_AVX2 void vertical(const std::uint8_t* const* rows, const std::int32_t* weights, int taps,
                        std::uint8_t* out, std::size_t bytes) {
  vertical_loop(rows, weights, taps, out, bytes);
}

}  // namespace

extern const ResampleKernels kAvx2Kernels;
const ResampleKernels kAvx2Kernels{&pack, &horizontal, &vertical};

}  // namespace caft::image

#endif
