// Caches samples 0 to ROWS - 1 in FOLDER, skipping those that are there: what a run of `caft cache`
// does. The test kills it. With KILL_AT it kills itself at that call of write, fsync or rename.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "caft/cache/cache.hpp"
#include "core/pending_file.hpp"

namespace {

using namespace caft;

std::atomic<int> calls_left{-1};
DurabilityCalls kernel;

// Half of the deaths come before the call and half after it.
template <typename Call>
auto mortal(const Call& call) {
  const int left = --calls_left;
  if (left == 1) ::kill(::getpid(), SIGKILL);
  const auto result = call();
  if (left == 0) ::kill(::getpid(), SIGKILL);
  return result;
}

void die_at(int call) {
  kernel = durability_calls();
  calls_left = call;
  durability_calls() = {
      // A large write is cut in two, so that a death can come in the middle of a file.
      [](int file, const void* bytes, std::size_t count) {
        return mortal([&] { return kernel.write(file, bytes, count > 100 ? count / 2 : count); });
      },
      [](int file) { return mortal([&] { return kernel.fsync(file); }); },
      [](const char* from, const char* to) {
        return mortal([&] { return kernel.rename_new(from, to); });
      },
  };
}

std::vector<float> row_of(std::uint64_t sample, std::size_t dim) {
  std::mt19937 random(static_cast<std::uint32_t>(sample));
  std::vector<float> row(dim);
  for (float& value : row)
    value = static_cast<float>(static_cast<int>(random() % 4095) - 2047) / 512.0F;
  return row;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return 2;
  const auto rows = std::strtoull(arguments[2], nullptr, 10);
  if (count > 3) die_at(std::atoi(arguments[3]));
  try {
    constexpr std::size_t kDim = 64;
    Cache cache =
        Cache::open_or_create(arguments[1], {{{"test", "crash"}}, {}}, {DType::f16, kDim});
    Cache::Writer writer = cache.writer({.shard_bytes = 8 * kDim * 2}, {});
    std::vector<std::pair<std::string, SampleKey>> manifest;
    for (std::uint64_t i = 0; i < rows; ++i) {
      const SampleKey key = xxh3_128(std::as_bytes(std::span(&i, 1)));
      manifest.emplace_back(std::to_string(i), key);
      writer.remember(std::to_string(i), {.inode = i}, key);
      if (!cache.contains(key)) writer.append(key, row_of(i, kDim));
    }
    writer.finish("samples", manifest);
    std::puts("done");
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
