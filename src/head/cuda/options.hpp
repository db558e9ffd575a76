// Switches of head training on the GPU that no user needs: tests and benchmarks set them.
#pragma once

#include <cstddef>

namespace caft::cuda {

struct HeadOptions {
  std::size_t memory = 0;  ///< bytes of GPU memory to stay within; 0: what is free
  bool small_step = true;  ///< false: cuBLAS for small linear steps too
  bool overlap = true;     ///< programmatic dependent launches where the GPU has them
};

}  // namespace caft::cuda

/// The process's options; not to be written to while a head trains. In libcaft_cuda.
extern "C" caft::cuda::HeadOptions* caft_cuda_head_options();
