#include "head/fused/kernels.hpp"

#include <array>

#include "core/cpu_features.hpp"

namespace caft::fused {

namespace baseline {
extern const Kernels set;
}
#if defined(__x86_64__)
namespace avx2 {
extern const Kernels set;
}
namespace avx512 {
extern const Kernels set;
}
#endif

namespace {

struct Runnable {
  std::array<const Kernels*, 3> sets{};
  std::size_t count = 0;
  Runnable() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool has_avx2 =
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    if (has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
      sets[count++] = &avx512::set;
    }
    if (has_avx2) sets[count++] = &avx2::set;
#endif
    sets[count++] = &baseline::set;
  }
};

const Runnable& runnable() {
  static const Runnable found;
  return found;
}

}  // namespace

const Kernels& kernels() { return *runnable().sets[0]; }

const Kernels* const* runnable_kernels(std::size_t& count) {
  count = runnable().count;
  return runnable().sets.data();
}

}  // namespace caft::fused
