// What caft says of the GPUs, against what nvidia-smi says.
#include <gtest/gtest.h>

#include "caft/core/gpu.hpp"
#include "caft/core/process.hpp"

namespace caft::test {
namespace {

TEST(GpuList, AgreesWithNvidiaSmi) {
  const GpuList list = gpu_list();
  ASSERT_FALSE(list.gpus.empty()) << list.reason;
  const ProcessResult smi =
      run_process({"nvidia-smi", "--query-gpu=uuid,name,compute_cap", "--format=csv,noheader"});
  ASSERT_EQ(smi.exit_code, 0);
  for (const GpuInfo& gpu : list.gpus) {
    EXPECT_NE(smi.output.find(gpu.uuid), std::string::npos) << gpu.uuid << "\n" << smi.output;
    EXPECT_NE(smi.output.find(gpu.name), std::string::npos) << gpu.name;
    EXPECT_NE(smi.output.find(std::to_string(gpu.major) + "." + std::to_string(gpu.minor)),
              std::string::npos);
    EXPECT_GT(gpu.memory, std::size_t{1} << 30);
  }
}

}  // namespace
}  // namespace caft::test
