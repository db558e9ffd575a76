#include "caft/core/process.hpp"

#include <gtest/gtest.h>

#include "caft/core/error.hpp"

namespace caft {
namespace {

TEST(Process, OutputExitCodeAndEnvironment) {
  const ProcessResult result =
      run_process({"sh", "-c", "printf '%s' \"$CAFT_TEST\"; exit 7"}, {"CAFT_TEST=a b"});
  EXPECT_EQ(result.output, "a b");
  EXPECT_EQ(result.exit_code, 7);
}

TEST(Process, ArgumentsAreNotSeenByAShell) {
  EXPECT_EQ(run_process({"printf", "%s", "$(id) ; `x` \"'"}).output, "$(id) ; `x` \"'");
}

TEST(Process, LargeOutputIsWhole) {
  EXPECT_EQ(run_process({"head", "-c", "1000000", "/dev/zero"}).output.size(), 1'000'000U);
}

TEST(Process, DeathBySignalAndMissingProgram) {
  EXPECT_EQ(run_process({"sh", "-c", "kill -9 $$"}).exit_code, 137);
  EXPECT_THROW((void)run_process({"caft-no-such-program"}), Error);
}

}  // namespace
}  // namespace caft
