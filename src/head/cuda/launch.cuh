// Kernel launches with errors of caft's kind.
#pragma once

#include <cuda_runtime.h>

#include "cuda/runtime.hpp"

namespace caft::cuda {

/// With `overlap`, the kernel may start before the one in front of it on the stream has ended, and
/// must call wait_for_previous before it touches what that one writes.
template <typename... Formal, typename... Actual>
void launch(const char* name, void (*kernel)(Formal...), dim3 grid, unsigned block,
            cudaStream_t stream, bool overlap, const Actual&... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(block);
  config.stream = stream;
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  if (overlap) {
    config.attrs = &attribute;
    config.numAttrs = 1;
  }
  check(cudaLaunchKernelEx(&config, kernel, static_cast<Formal>(arguments)...), name);
}

/// Waits until the kernel in front of this one has ended and its writes are seen. Nothing to wait
/// for where it was launched without overlap.
__device__ inline void wait_for_previous() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  cudaGridDependencySynchronize();
#endif
}

/// Lets the next kernel start, up to its own wait_for_previous.
__device__ inline void let_next_start() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  cudaTriggerProgrammaticLaunchCompletion();
#endif
}

}  // namespace caft::cuda
