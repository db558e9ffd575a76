#include "caft/core/gpu.hpp"

#include "caft/core/error.hpp"
#include "core/plugin.hpp"

namespace caft {

GpuList gpu_list() {
  GpuList list;
  try {
    using List = void (*)(GpuList&);
    reinterpret_cast<List>(plugin_symbol("caft_cuda", "caft_cuda_gpu_list"))(list);
  } catch (const Error& error) {
    list.reason = error.what();
  }
  return list;
}

}  // namespace caft
