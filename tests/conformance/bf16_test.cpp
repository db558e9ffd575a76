// bf16 where it would cost most: the first layers stay in fp32.
#include <gtest/gtest.h>

#include <memory>

#include "caft/core/error.hpp"
#include "caft/engine/engine.hpp"
#include "conformance/nets.hpp"

namespace caft::test {
namespace {

TEST(Bf16, FirstConvolutionsKeepTheirPrecision) {
  EngineConfig config;
  config.onnx = net("sharp");
  config.precision = Precision::bf16;
  config.batch = {1, 9, 9};
  std::unique_ptr<Engine> engine;
  try {
    engine = backend("openvino").build(config);
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();  // no OpenVINO, or a CPU without bf16
  }
  ASSERT_EQ(engine->precision(), Precision::bf16);
  const auto context = engine->create_context();
  // All of the first layer's output would be lost to rounding; bf16 in the others costs a
  // hundredth.
  const double error = relative_error(recorded("sharp", "features").values,
                                      run(*context, *engine, recorded("sharp", "images")).values);
  EXPECT_LT(error, 0.02);
  EXPECT_GT(error, 1e-5) << "the other layers were to run in bf16";
}

}  // namespace
}  // namespace caft::test
