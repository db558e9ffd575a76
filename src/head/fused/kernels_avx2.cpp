#define CAFT_KERNEL_SET avx2
#define CAFT_KERNEL_NAME "avx2"
#define CAFT_VECTOR_BYTES 32
#define CAFT_DOT_ROWS 3
#define CAFT_DOT_COLUMNS 4
#define CAFT_OUTER_VECTORS 2
#include "head/fused/kernels_impl.hpp"
