// The rule that turns a request for a precision into what is built.
#include "engine/precision.hpp"

#include <gtest/gtest.h>

#include "engine/expect_error.hpp"

namespace caft::test {
namespace {

Precision choose(Precision requested, bool quantized, PrecisionSupport support) {
  return choose_precision(requested, quantized, support, "some engine", "net.onnx");
}

TEST(Precision, NamesAreReadBack) {
  for (const Precision precision :
       {Precision::automatic, Precision::fp32, Precision::fp16, Precision::bf16, Precision::int8}) {
    EXPECT_EQ(precision_from_string(to_string(precision)), precision);
  }
  expect_error(ErrorKind::usage, "'fp64'", [] { (void)precision_from_string("fp64"); });
}

TEST(Precision, AutomaticTakesTheFastestThatIsRight) {
  EXPECT_EQ(choose(Precision::automatic, false, {}), Precision::fp32);
  EXPECT_EQ(choose(Precision::automatic, false, {.bf16 = true, .fp16 = true}), Precision::bf16);
  EXPECT_EQ(choose(Precision::automatic, true, {.bf16 = true, .fp16 = true}), Precision::int8);
}

TEST(Precision, RefusesWhatFileOrDeviceLacks) {
  expect_error(ErrorKind::usage, "bf16 is not offered by some engine",
               [] { (void)choose(Precision::bf16, false, {}); });
  expect_error(ErrorKind::usage, "fp16 is not offered",
               [] { (void)choose(Precision::fp16, false, {.bf16 = true, .fp16 = false}); });
  expect_error(ErrorKind::usage, "net.onnx", [] { (void)choose(Precision::int8, false, {}); });
  expect_error(ErrorKind::usage, "net.onnx", [] { (void)choose(Precision::bf16, true, {}); });
}

}  // namespace
}  // namespace caft::test
