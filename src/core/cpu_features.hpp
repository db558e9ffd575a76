// What this processor can do, where the compilers' own question does not reach.
#pragma once

#if defined(__x86_64__)
#include <cpuid.h>

namespace caft {

/// Whether floats can be converted to and from f16 eight at a time (F16C, Intel SDM vol. 1, 14.4).
/// clang 16's __builtin_cpu_supports knows no "f16c".
inline bool has_f16c() noexcept {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __builtin_cpu_supports("avx") && __get_cpuid(1, &a, &b, &c, &d) != 0 &&
         (c & bit_F16C) != 0;
}

}  // namespace caft
#endif
