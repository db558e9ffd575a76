// Remedies for operators that an engine refuses.
#include "graph/hints.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caft::test {
namespace {

using ::testing::HasSubstr;

TEST(OperatorHint, KnowsCommonOperators) {
  EXPECT_THAT(operator_hint("If"), HasSubstr("--simplify"));
  EXPECT_EQ(operator_hint("ai.onnx::If"), operator_hint("If"));
  EXPECT_THAT(operator_hint("LayerNormalization"), HasSubstr("--opset 16"));
  EXPECT_THAT(operator_hint("QLinearConv"), HasSubstr("Q/DQ"));
  EXPECT_THAT(operator_hint("RandomNormalLike"), HasSubstr("eval mode"));
}

TEST(OperatorHint, HasSomethingToSayOfEveryOther) {
  EXPECT_THAT(operator_hint("acme::Sparkle"), HasSubstr("acme::Sparkle"));
  EXPECT_THAT(operator_hint("acme::Sparkle"), HasSubstr("--plugins"));
  EXPECT_THAT(operator_hint("com.microsoft::FusedConv"), HasSubstr("before its optimiser"));
  for (const char* op : {"", "Sparkle", "::"}) {
    EXPECT_THAT(operator_hint(op), HasSubstr("plugin")) << op;
  }
}

}  // namespace
}  // namespace caft::test
