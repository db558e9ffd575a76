// `caft cache` killed with SIGKILL at random moments resumes, and ends with the cache of an
// undisturbed run.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "caft/cache/cache.hpp"
#include "caft/data/dataset.hpp"
#include "support/caft_program.hpp"

namespace caft::test {
namespace {

/// Starts `caft cache` and kills it after `delay`. True when it had ended by itself before.
bool run_and_kill(const CaftProgram& caft, const std::string& out,
                  std::chrono::microseconds delay) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("CAFT_HOME", (caft.folder() / "home").c_str(), 1);
    if (::chdir(caft.folder().path().c_str()) != 0 ||
        ::freopen("/dev/null", "w", stdout) == nullptr ||
        ::freopen("killed.log", "a", stderr) == nullptr) {
      ::_exit(126);
    }
    ::execl(CAFT_BINARY, "caft", "cache", "data", "-b", "tiny", "--backend", "reference", "--dtype",
            "fp32", "--cache", out.c_str(), "--shard-mib", "0.0007", static_cast<char*>(nullptr));
    ::_exit(127);
  }
  std::this_thread::sleep_for(delay);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0)
      << "exit code " << WEXITSTATUS(status);
  return !WIFSIGNALED(status);
}

std::vector<float> all_features(const std::filesystem::path& folder,
                                const std::vector<SampleKey>& keys) {
  const Cache cache = Cache::open(folder);
  EXPECT_TRUE(cache.verify().empty());
  EXPECT_EQ(cache.stats().rows, keys.size());
  const FeatureMatrix matrix = cache.read(keys);
  std::vector<float> features;
  const auto* data = reinterpret_cast<const float*>(matrix.data.get());
  for (const std::uint32_t row : matrix.row_of) {
    features.insert(features.end(), data + row * matrix.dim, data + (row + 1) * matrix.dim);
  }
  return features;
}

TEST(KilledCache, ResumesAndEqualsAnUndisturbedOne) {
  const CaftProgram caft;
  caft.add_tiny_backbone();
  write_class_folders(caft.folder() / "data", 3, 100);
  const auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(caft.run({"cache", "data", "-b", "tiny", "--backend", "reference", "--dtype", "fp32",
                      "--cache", "whole", "--shard-mib", "0.0007"})
                .exit_code,
            0);
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - start);

  std::mt19937 random(7);
  const int wanted = std::getenv("CAFT_THOROUGH_TESTS") == nullptr ? 20 : 300;
  int kills = 0;
  for (int round = 0; kills < wanted && round < 10 * wanted; ++round) {
    // Once the cache is full a run has nothing left to interrupt: begin another.
    const std::string name = "killed";
    const auto delay = whole * static_cast<int>(random() % 1000) / 1000;
    if (run_and_kill(caft, name, delay)) {
      std::filesystem::remove_all(caft.folder() / name);
    } else {
      ++kills;
    }
  }
  EXPECT_EQ(kills, wanted);
  const ProgramResult last =
      caft.run({"cache", "data", "-b", "tiny", "--backend", "reference", "--dtype", "fp32",
                "--cache", "killed", "--shard-mib", "0.0007", "--json"});
  ASSERT_EQ(last.exit_code, 0) << last.err;

  std::vector<SampleKey> keys;
  for (const Sample& sample : open_dataset(caft.folder() / "data").samples) {
    keys.push_back(xxh3_128(read_source(sample.source)));
  }
  EXPECT_EQ(all_features(caft.folder() / "whole", keys),
            all_features(caft.folder() / "killed", keys));
}

}  // namespace
}  // namespace caft::test
