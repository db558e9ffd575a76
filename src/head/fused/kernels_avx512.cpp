#define CAFT_KERNEL_SET avx512
#define CAFT_KERNEL_NAME "avx512"
#define CAFT_VECTOR_BYTES 64
#define CAFT_DOT_ROWS 4
#define CAFT_DOT_COLUMNS 6
#define CAFT_OUTER_VECTORS 4
#include "head/fused/kernels_impl.hpp"
