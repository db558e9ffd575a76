#include "head/fused/thread_team.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <stdexcept>

#include "caft/core/system_info.hpp"

namespace caft::fused {
namespace {

TEST(ThreadTeam, SharesCoverEachItemOnce) {
  ThreadTeam team(3);
  for (const std::size_t count : {0U, 1U, 2U, 3U, 10U}) {
    std::size_t next = 0;
    for (int i = 0; i < team.size(); ++i) {
      const auto [first, last] = team.share(count, i);
      EXPECT_EQ(first, next);
      next = last;
    }
    EXPECT_EQ(next, count);
  }
}

TEST(ThreadTeam, IsNoLargerThanTheWorkDeserves) {
  EXPECT_EQ(useful_threads(3, 0), 3);
  EXPECT_EQ(useful_threads(0, 1e5), 1);
  EXPECT_EQ(useful_threads(0, 1e12), usable_cores());
}

// Each thread adds what its neighbour wrote before the barrier: a barrier that lets one through
// early gives a wrong sum.
TEST(ThreadTeam, BarriersSeparatePhases) {
  for (const int threads : {1, 2, 4}) {
    ThreadTeam team(threads);
    std::vector<long> written(static_cast<std::size_t>(threads)), sum(written.size());
    constexpr long kRounds = 500;
    team.run([&](int i) {
      const auto me = static_cast<std::size_t>(i);
      for (long round = 1; round <= kRounds; ++round) {
        written[me] = round * (i + 1);
        team.barrier();
        sum[me] += written[(me + 1) % written.size()];
        team.barrier();
      }
    });
    const long total = std::accumulate(sum.begin(), sum.end(), 0L);
    EXPECT_EQ(total, kRounds * (kRounds + 1) / 2 * threads * (threads + 1) / 2);
  }
}

TEST(ThreadTeam, RunsAgainAndPassesOnExceptions) {
  ThreadTeam team(3);
  std::atomic<int> calls{0};
  for (int i = 0; i < 200; ++i) team.run([&](int) { ++calls; });
  EXPECT_EQ(calls, 600);
  const auto fail = [](int i) {
    if (i == 2) throw std::runtime_error("two");
  };
  EXPECT_THROW(team.run(fail), std::runtime_error);
  team.run([&](int) { ++calls; });
  EXPECT_EQ(calls, 603);
}

}  // namespace
}  // namespace caft::fused
