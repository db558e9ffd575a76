#include "caft/core/progress.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace caft {
namespace {

TEST(Progress, QuickStagesPrintNothingWhereThereIsNoTerminal) {
  testing::internal::CaptureStderr();
  ConsoleProgress progress;
  for (std::uint64_t i = 1; i <= 100; ++i) progress.update("caching", i, 100);
  progress.finish();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Progress, ManyThreadsMayReport) {
  ConsoleProgress progress;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&progress, t] {
      for (std::uint64_t i = 0; i < 1000; ++i) progress.update(t % 2 == 0 ? "a" : "b", i, 1000);
    });
  }
  threads.clear();
  progress.finish();
}

}  // namespace
}  // namespace caft
