#include "image/resample_kernels.hpp"

#include "image/resample_loops.hpp"

namespace caft::image {

#if defined(__x86_64__)
extern const ResampleKernels kAvx2Kernels;        // resample_avx2.cpp
extern const ResampleKernels kAvx512VnniKernels;  // resample_avx512.cpp
#endif

namespace {

void horizontal(const std::uint8_t* in, const ResampleTable& table, std::uint8_t* out) {
  horizontal_loop(in, table, out);
}

void vertical(const std::uint8_t* const* rows, const std::int32_t* weights, int taps,
              std::uint8_t* out, std::size_t bytes) {
  vertical_loop(rows, weights, taps, out, bytes);
}

constexpr ResampleKernels kPortableKernels{nullptr, &horizontal, &vertical};

CpuLevel detect() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx2")) {
    return CpuLevel::avx512_vnni;
  }
  if (__builtin_cpu_supports("avx2")) return CpuLevel::avx2;
#endif
  return CpuLevel::portable;
}

}  // namespace

CpuLevel best_cpu_level() {
  static const CpuLevel level = detect();
  return level;
}

const ResampleKernels& resample_kernels([[maybe_unused]] CpuLevel level) {
#if defined(__x86_64__)
  if (level == CpuLevel::avx512_vnni) return kAvx512VnniKernels;
  if (level == CpuLevel::avx2) return kAvx2Kernels;
#endif
  return kPortableKernels;
}

std::size_t horizontal_reach(const ResampleTable& table) {
  constexpr std::size_t kLoad = 16;  // bytes; the 12 of four pixels are used
  if (table.first.empty()) return 0;
  // Starts do not decrease, so the last output reaches farthest.
  const auto last = static_cast<std::size_t>(table.first.back());
  const auto taps = static_cast<std::size_t>(table.taps);
  return (last + taps) * 3 + kLoad;
}

}  // namespace caft::image
