// Named ranges that Nsight Systems shows; without a profiler they cost a few nanoseconds.
#pragma once

#include <nvtx3/nvToolsExt.h>

namespace caft::cuda {

class NvtxRange {
 public:
  explicit NvtxRange(const char* name) { nvtxRangePushA(name); }
  NvtxRange(const NvtxRange&) = delete;
  NvtxRange& operator=(const NvtxRange&) = delete;
  ~NvtxRange() { nvtxRangePop(); }
};

}  // namespace caft::cuda
