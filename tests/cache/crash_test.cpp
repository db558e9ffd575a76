// A writer that is killed loses at most what it had not committed, and its successor finishes.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <thread>

#include "cache/support.hpp"

namespace caft {
namespace {

using namespace cache_test;
using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::size_t kDim = 64;

// A child that caches; its standard output is not wanted.
class Child {
 public:
  Child(const std::filesystem::path& folder, std::uint64_t rows, int kill_at = 0) {
    const std::string count = std::to_string(rows), at = std::to_string(kill_at);
    process_ = ::fork();
    if (process_ == 0) {
      const int null = ::open("/dev/null", O_WRONLY);
      ::dup2(null, 1);
      ::execl(CACHE_WRITER, CACHE_WRITER, folder.c_str(), count.c_str(),
              kill_at > 0 ? at.c_str() : nullptr, nullptr);
      ::_exit(127);
    }
  }
  void kill() const { ::kill(process_, SIGKILL); }
  /// True when it was killed; a failure of its own is the test's.
  bool was_killed() const {
    int status = 0;
    ::waitpid(process_, &status, 0);
    if (WIFSIGNALED(status)) {
      EXPECT_EQ(WTERMSIG(status), SIGKILL);
      return true;
    }
    EXPECT_EQ(WEXITSTATUS(status), 0);
    return false;
  }

 private:
  pid_t process_ = -1;
};

// What a kill leaves: every committed row intact, and at most one whole shard that is not indexed.
void expect_sound(const std::filesystem::path& folder, std::uint64_t rows) {
  if (!std::filesystem::exists(folder / "index.sqlite")) return;  // killed before there was one
  const Cache cache = Cache::open(folder);
  const std::vector<CacheFault> faults = cache.verify();
  EXPECT_LE(faults.size(), 1u);
  EXPECT_THAT(faults, Each(Field(&CacheFault::what, HasSubstr("adopts it"))));
  std::vector<SampleKey> there;
  std::vector<std::uint64_t> samples;
  for (std::uint64_t i = 0; i < rows; ++i)
    if (cache.contains(key_of(i))) {
      there.push_back(key_of(i));
      samples.push_back(i);
    }
  EXPECT_EQ(there.size(), cache.stats().rows);
  const FeatureMatrix matrix = cache.read(there);
  for (std::size_t i = 0; i < there.size(); ++i)
    ASSERT_EQ(features(matrix, i), row_of(samples[i], kDim));
}

void expect_equal_to_undisturbed(const std::filesystem::path& folder, std::uint64_t rows,
                                 const Cache& undisturbed) {
  const Cache cache = Cache::open(folder);
  EXPECT_THAT(cache.verify(), IsEmpty());
  EXPECT_EQ(cache.stats().rows, undisturbed.stats().rows);
  const FeatureMatrix ours = cache.read(keys_of(0, rows)),
                      theirs = undisturbed.read(keys_of(0, rows));
  ASSERT_EQ(ours.rows, theirs.rows);
  for (std::uint64_t i = 0; i < rows; ++i) ASSERT_EQ(features(ours, i), features(theirs, i));
  for (const auto& file : shards_in(folder)) EXPECT_EQ(file.extension(), ".safetensors");
  EXPECT_EQ(cache.remembered("3", {.inode = 3}), key_of(3));
}

TEST(CacheCrash, SurvivesKillsAtRandomMoments) {
  constexpr std::uint64_t kRows = 1000;
  const int wanted_kills = cases(24, 600);
  const ScratchFolder scratch;
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_FALSE(Child(scratch / "undisturbed", kRows).was_killed());
  const auto whole = std::chrono::steady_clock::now() - begin;
  const Cache undisturbed = Cache::open(scratch / "undisturbed");

  std::mt19937 random(std::random_device{}());
  int kills = 0, folder = 0;
  for (int tries = 0; kills < wanted_kills; ++tries) {
    ASSERT_LT(tries, 20 * wanted_kills) << "the writer is faster than the killer";
    const std::filesystem::path where = scratch / ("killed" + std::to_string(folder));
    const Child child(where, kRows);
    std::this_thread::sleep_for(whole * (random() % 1000) / 4000);
    child.kill();
    if (!child.was_killed()) {  // it had come to its end: begin another
      expect_equal_to_undisturbed(where, kRows, undisturbed);
      ++folder;
      continue;
    }
    ++kills;
    expect_sound(where, kRows);
  }
  const std::filesystem::path where = scratch / ("killed" + std::to_string(folder));
  ASSERT_FALSE(Child(where, kRows).was_killed());
  expect_equal_to_undisturbed(where, kRows, undisturbed);
}

// Every call by which a shard reaches the disk, before and after, one death at a time.
TEST(CacheCrash, SurvivesADeathAtEveryCall) {
  constexpr std::uint64_t kRows = 20;
  const ScratchFolder scratch;
  ASSERT_FALSE(Child(scratch / "undisturbed", kRows).was_killed());
  const Cache undisturbed = Cache::open(scratch / "undisturbed");
  int deaths = 0;
  for (int call = 1;; ++call) {
    const std::filesystem::path where = scratch / ("killed" + std::to_string(call));
    if (!Child(where, kRows, call).was_killed()) break;
    ++deaths;
    expect_sound(where, kRows);
    ASSERT_FALSE(Child(where, kRows).was_killed());
    expect_equal_to_undisturbed(where, kRows, undisturbed);
  }
  EXPECT_GT(deaths, 30);
}

}  // namespace
}  // namespace caft
