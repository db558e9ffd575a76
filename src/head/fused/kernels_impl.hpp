// The kernels' one source, written with the compiler's vector types. Each kernels_*.cpp includes it
// after defining CAFT_KERNEL_SET (the namespace), CAFT_VECTOR_BYTES and the tile sizes, and is
// compiled with its instruction set's flags. Nothing here may call an inline function of the
// standard library: the linker would keep one copy of it, maybe the one this CPU cannot run.
#include <cstddef>
#include <cstdint>

#if defined(__F16C__)
#include <immintrin.h>
#endif

#include "caft/core/dtype.hpp"
#include "head/fused/kernels.hpp"

namespace caft::fused::CAFT_KERNEL_SET {
namespace {

constexpr std::size_t kLanes = CAFT_VECTOR_BYTES / sizeof(float);
using Vec = float __attribute__((vector_size(CAFT_VECTOR_BYTES)));
using LooseVec = float __attribute__((vector_size(CAFT_VECTOR_BYTES), aligned(4), may_alias));
using IntVec = std::int32_t __attribute__((vector_size(CAFT_VECTOR_BYTES)));

inline Vec load(const float* from) { return *reinterpret_cast<const LooseVec*>(from); }
inline void store(float* to, Vec value) { *reinterpret_cast<LooseVec*>(to) = value; }
inline Vec broadcast(float value) { return Vec{} + value; }

inline Vec load_part(const float* from, std::size_t count, float fill = 0) {
  Vec value = broadcast(fill);
  for (std::size_t i = 0; i < count; ++i) value[i] = from[i];
  return value;
}

inline void store_part(float* to, Vec value, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] = value[i];
}

// A dependent vector type needs a typedef: GCC drops the attribute from an alias.
template <std::size_t Bytes>
struct VecOf {
  typedef float type __attribute__((vector_size(Bytes)));  // NOLINT(modernize-use-using)
};

// Adds the upper half of a vector to its lower half, until two lanes are left.
template <std::size_t Bytes>
inline float fold(typename VecOf<Bytes>::type value) {
  if constexpr (Bytes == 2 * sizeof(float)) {
    return value[0] + value[1];
  } else {
    typename VecOf<Bytes / 2>::type half[2];
    __builtin_memcpy(half, &value, Bytes);
    return fold<Bytes / 2>(half[0] + half[1]);
  }
}
inline float sum_lanes(Vec value) { return fold<CAFT_VECTOR_BYTES>(value); }

// ---------------------------------------------------------------- out = x wT + bias
template <int R, int C>
void dot_tile(std::size_t k, const float* x, std::size_t ldx, const float* w, std::size_t ldw,
              const float* bias, float* out, std::size_t ldo) {
  Vec acc[R][C] = {};
  const std::size_t whole = k - k % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    Vec xs[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) xs[r] = load(x + r * ldx + i);
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const Vec ws = load(w + c * ldw + i);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) acc[r][c] += xs[r] * ws;
    }
  }
  if (whole != k) {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const Vec ws = load_part(w + c * ldw + whole, k - whole);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) acc[r][c] += load_part(x + r * ldx + whole, k - whole) * ws;
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) out[r * ldo + c] = sum_lanes(acc[r][c]) + (bias ? bias[c] : 0.0F);
  }
}

using DotTile = void (*)(std::size_t, const float*, std::size_t, const float*, std::size_t,
                         const float*, float*, std::size_t);

template <int R>
DotTile dot_tile_of(std::size_t columns) {
  static_assert(CAFT_DOT_COLUMNS <= 6);
  switch (columns) {
    case 1:
      return dot_tile<R, 1>;
    case 2:
      return dot_tile<R, 2>;
    case 3:
      return dot_tile<R, 3>;
    case 4:
      return dot_tile<R, 4>;
#if CAFT_DOT_COLUMNS > 4
    case 5:
      return dot_tile<R, 5>;
    case 6:
      return dot_tile<R, 6>;
#endif
    default:
      return nullptr;
  }
}

DotTile dot_tile_of(std::size_t rows, std::size_t columns) {
  static_assert(CAFT_DOT_ROWS <= 4);
  switch (rows) {
    case 1:
      return dot_tile_of<1>(columns);
    case 2:
      return dot_tile_of<2>(columns);
    case 3:
      return dot_tile_of<3>(columns);
#if CAFT_DOT_ROWS > 3
    case 4:
      return dot_tile_of<4>(columns);
#endif
    default:
      return nullptr;
  }
}

inline std::size_t smaller(std::size_t a, std::size_t b) { return a < b ? a : b; }

void dot(std::size_t m, std::size_t n, std::size_t k, const float* x, std::size_t ldx,
         const float* w, std::size_t ldw, const float* bias, float* out, std::size_t ldo) {
  // A tile's weights stay in L1 while the rows pass by.
  for (std::size_t c = 0; c < n; c += CAFT_DOT_COLUMNS) {
    const std::size_t columns = smaller(CAFT_DOT_COLUMNS, n - c);
    for (std::size_t r = 0; r < m; r += CAFT_DOT_ROWS) {
      const std::size_t rows = smaller(CAFT_DOT_ROWS, m - r);
      dot_tile_of(rows, columns)(k, x + r * ldx, ldx, w + c * ldw, ldw, bias ? bias + c : nullptr,
                                 out + r * ldo + c, ldo);
    }
  }
}

// ---------------------------------------------------------------- out (+)= aT b
template <int R, int V>
void outer_tile(std::size_t k, const float* a, std::size_t a_k, std::size_t a_i, const float* b,
                std::size_t ldb, float* out, std::size_t ldo, bool accumulate) {
  Vec acc[R][V] = {};
  if (accumulate) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) acc[r][v] = load(out + r * ldo + v * kLanes);
    }
  }
  for (std::size_t i = 0; i < k; ++i) {
    Vec bs[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) bs[v] = load(b + i * ldb + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Vec as = broadcast(a[i * a_k + r * a_i]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) acc[r][v] += as * bs[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) store(out + r * ldo + v * kLanes, acc[r][v]);
  }
}

using OuterTile = void (*)(std::size_t, const float*, std::size_t, std::size_t, const float*,
                           std::size_t, float*, std::size_t, bool);

template <int V>
OuterTile outer_tile_of(std::size_t rows) {
  switch (rows) {
    case 1:
      return outer_tile<1, V>;
    case 2:
      return outer_tile<2, V>;
    case 3:
      return outer_tile<3, V>;
    case 4:
      return outer_tile<4, V>;
    case 5:
      return outer_tile<5, V>;
    case 6:
      return outer_tile<6, V>;
    default:
      return nullptr;
  }
}

OuterTile outer_tile_of(std::size_t rows, std::size_t vectors) {
  static_assert(CAFT_OUTER_VECTORS == 2 || CAFT_OUTER_VECTORS == 4);
  switch (vectors) {
    case 1:
      return outer_tile_of<1>(rows);
    case 2:
      return outer_tile_of<2>(rows);
#if CAFT_OUTER_VECTORS > 2
    case 3:
      return outer_tile_of<3>(rows);
    case 4:
      return outer_tile_of<4>(rows);
#endif
    default:
      return nullptr;
  }
}

void outer(std::size_t m, std::size_t n, std::size_t k, const float* a, std::size_t a_k,
           std::size_t a_i, const float* b, std::size_t ldb, float* out, std::size_t ldo,
           bool accumulate) {
  constexpr std::size_t kRows = 6;
  const std::size_t whole = n - n % kLanes;
  for (std::size_t j = 0; j < whole; j += CAFT_OUTER_VECTORS * kLanes) {
    const std::size_t vectors = smaller(CAFT_OUTER_VECTORS, (whole - j) / kLanes);
    for (std::size_t i = 0; i < m; i += kRows) {
      outer_tile_of(smaller(kRows, m - i), vectors)(k, a + i * a_i, a_k, a_i, b + j, ldb,
                                                    out + i * ldo + j, ldo, accumulate);
    }
  }
  if (whole == n) return;
  for (std::size_t i = 0; i < m; ++i) {  // the columns that fill no vector
    float* to = out + i * ldo + whole;
    Vec acc = accumulate ? load_part(to, n - whole) : Vec{};
    for (std::size_t s = 0; s < k; ++s) {
      acc += broadcast(a[s * a_k + i * a_i]) * load_part(b + s * ldb + whole, n - whole);
    }
    store_part(to, acc, n - whole);
  }
}

// ---------------------------------------------------------------- element-wise
void standardize_f32(const float* row, std::size_t dim, const float* mean, const float* scale,
                     float* out) {
  for (std::size_t i = 0; i < dim; ++i) out[i] = (row[i] - mean[i]) * scale[i];
}

void standardize_f16(const std::uint16_t* row, std::size_t dim, const float* mean,
                     const float* scale, float* out) {
  std::size_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= dim; i += 16) {
    // The masked form: GCC 12 warns of the plain one's undefined source.
    const __m512 value = _mm512_maskz_cvtph_ps(
        0xFFFF, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + i)));
    store(out + i, (static_cast<Vec>(value) - load(mean + i)) * load(scale + i));
  }
#elif defined(__F16C__)
  for (; i + 8 <= dim; i += 8) {
    const __m256 value =
        _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row + i)));
    store(out + i, (static_cast<Vec>(value) - load(mean + i)) * load(scale + i));
  }
#endif
  for (; i < dim; ++i) out[i] = (half_to_float(row[i]) - mean[i]) * scale[i];
}

void add_moments(const float* row, std::size_t n, double* sum, double* squares) {
  for (std::size_t i = 0; i < n; ++i) {
    const double value = row[i];
    sum[i] += value;
    squares[i] += value * value;
  }
}

double inner(const float* a, const float* b, std::size_t n) {
  constexpr std::size_t kParts = 16;  // independent sums, which the compiler keeps in vectors
  double parts[kParts] = {};
  std::size_t i = 0;
  for (; i + kParts <= n; i += kParts) {
    for (std::size_t j = 0; j < kParts; ++j) {
      parts[j] += static_cast<double>(a[i + j]) * static_cast<double>(b[i + j]);
    }
  }
  double sum = 0;
  for (; i < n; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  for (const double part : parts) sum += part;
  return sum;
}

void add_scaled(float factor, const float* from, std::size_t n, float* to) {
  for (std::size_t i = 0; i < n; ++i) to[i] += factor * from[i];
}

// exp by 2^n * p(r), r in [-ln2/2, ln2/2], degree-6 Taylor-minimax polynomial: within 2 ulp. Below
// -87.3 the result is the smallest normal number, which is as good as zero here.
inline Vec exp_of(Vec x) {
  const Vec low = broadcast(-87.3F);
  const Vec high = broadcast(88.3F);
  x = x < low ? low : x;
  x = x > high ? high : x;
  const Vec magic = broadcast(12582912.0F);  // 1.5 * 2^23: adding it rounds to an integer
  const Vec n = (x * 1.44269504F + magic) - magic;
  Vec r = x - n * 0.693359375F;
  r = r + n * 2.12194440e-4F;
  Vec p = broadcast(1.9875691500e-4F);
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const IntVec bits = (__builtin_convertvector(n, IntVec) + 127) << 23;
  return p * (Vec)bits;  // the same bits, as floats
}

float softmax(float* row, std::size_t n) {
  float top = row[0];
  for (std::size_t i = 1; i < n; ++i) top = row[i] > top ? row[i] : top;
  Vec total = {};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Vec e = exp_of(load(row + i) - top);
    store(row + i, e);
    total += e;
  }
  float sum = sum_lanes(total);
  if (i < n) {
    const Vec e = exp_of(load_part(row + i, n - i) - top);
    store_part(row + i, e, n - i);
    for (std::size_t j = 0; j < n - i; ++j) sum += e[j];
  }
  const float inverse = 1 / sum;
  for (std::size_t j = 0; j < n; ++j) row[j] *= inverse;
  return top + __builtin_logf(sum);
}

// A 32-bit integer hash with full avalanche (murmur3's finaliser): dropout's randomness, so that a
// unit's fate depends on its place alone and not on which thread comes by.
inline std::uint32_t mix(std::uint32_t x) {
  x ^= x >> 16;
  x *= 0x85ebca6bU;
  x ^= x >> 13;
  x *= 0xc2b2ae35U;
  return x ^ x >> 16;
}

void relu_dropout(float* row, std::size_t n, std::uint32_t key, std::uint32_t threshold,
                  float scale) {
  for (std::size_t i = 0; i < n; ++i) {
    const float value = row[i] > 0 ? row[i] * scale : 0.0F;
    row[i] = mix(key + static_cast<std::uint32_t>(i)) >= threshold ? value : 0.0F;
  }
}

void relu_dropout_backward(float* grad, const float* activation, std::size_t n, float scale) {
  for (std::size_t i = 0; i < n; ++i) grad[i] = activation[i] > 0 ? grad[i] * scale : 0.0F;
}

void adamw(float* weight, const float* grad, float* first, float* second, std::size_t n,
           const AdamWStep& step) {
  const AdamWStep s = step;
  for (std::size_t i = 0; i < n; ++i) {
    const float g = grad[i];
    const float m = first[i] + s.one_minus_beta1 * (g - first[i]);
    const float v = s.beta2 * second[i] + (1 - s.beta2) * g * g;
    first[i] = m;
    second[i] = v;
    const float divisor = __builtin_sqrtf(v) * s.inv_sqrt_bias2 + s.epsilon;
    weight[i] = weight[i] * s.decay - s.step * m / divisor;
  }
}

void sgd(float* weight, const float* grad, float* velocity, std::size_t n, const SgdStep& step) {
  const SgdStep s = step;
  for (std::size_t i = 0; i < n; ++i) {
    const float v = s.momentum * velocity[i] + (grad[i] + s.weight_decay * weight[i]);
    velocity[i] = v;
    weight[i] -= s.learning_rate * v;
  }
}

}  // namespace

extern const Kernels set;
const Kernels set = {.name = CAFT_KERNEL_NAME,
                     .dot = dot,
                     .outer = outer,
                     .standardize_f32 = standardize_f32,
                     .standardize_f16 = standardize_f16,
                     .add_moments = add_moments,
                     .inner = inner,
                     .add_scaled = add_scaled,
                     .softmax = softmax,
                     .relu_dropout = relu_dropout,
                     .relu_dropout_backward = relu_dropout_backward,
                     .adamw = adamw,
                     .sgd = sgd};

}  // namespace caft::fused::CAFT_KERNEL_SET
