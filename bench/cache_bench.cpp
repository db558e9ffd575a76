// The cache's speed: writing, opening, and reading from the page cache, beside a plain pread of the
// same bytes, which is the most that reading can reach.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "caft/cache/cache.hpp"
#include "caft/core/file.hpp"

namespace {

using namespace caft;

constexpr std::size_t kDim = 2048;

class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& name)
      : path_(std::filesystem::temp_directory_path() /
              ("caft_cache_bench." + std::to_string(::getpid()) + "." + name)) {
    std::filesystem::remove_all(path_);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

SampleKey key_of(std::uint64_t sample) { return xxh3_128(std::as_bytes(std::span(&sample, 1))); }

Cache make(const std::filesystem::path& folder, DType dtype, std::size_t dim) {
  return Cache::open_or_create(folder, {{{"bench", "cache"}}, {}}, {dtype, dim});
}

void fill(Cache& cache, std::uint64_t rows, bool durable) {
  std::vector<float> row(cache.dim());
  std::mt19937 random(1);
  for (float& value : row) value = static_cast<float>(random() % 1000) / 100.0F;
  Cache::Writer writer = cache.writer({.shard_seconds = 1e6, .durable = durable}, {});
  for (std::uint64_t i = 0; i < rows; ++i) {
    row[i % row.size()] += 0.01F;
    writer.append(key_of(i), row);
  }
  writer.commit();
}

// One cache for the reading benchmarks: 512 MiB as f16.
constexpr std::uint64_t kReadRows = 131072;
const Cache& read_cache() {
  static const ScratchFolder folder("read");
  static const Cache cache = [] {
    Cache made = make(folder.path(), DType::f16, kDim);
    fill(made, kReadRows, false);
    return made;
  }();
  return cache;
}

void write_rows(benchmark::State& state) {
  const auto dtype = static_cast<DType>(state.range(0));
  constexpr std::uint64_t kRows = 65536;
  for (auto _ : state) {
    std::optional<ScratchFolder> folder("write");
    {
      Cache cache = make(folder->path(), dtype, kDim);
      fill(cache, kRows, state.range(1) != 0);
    }
    state.PauseTiming();
    folder.reset();
    state.ResumeTiming();
  }
  state.SetBytesProcessed(
      static_cast<std::int64_t>(state.iterations() * kRows * kDim * size_of(dtype)));
}
BENCHMARK(write_rows)
    ->ArgNames({"dtype", "durable"})
    ->ArgsProduct({{static_cast<int>(DType::f16), static_cast<int>(DType::f32)}, {0, 1}})
    ->UseRealTime()
    ->Iterations(2)
    ->Unit(benchmark::kMillisecond);

void pread_alone(benchmark::State& state) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(read_cache().folder() / "shards"))
    files.push_back(entry.path());
  std::size_t bytes = 0;
  for (auto _ : state) {
    for (const auto& path : files) {
      const File file = File::open(path);
      std::unique_ptr<std::byte[]> buffer(new std::byte[file.size()]);
      file.read_at(0, {buffer.get(), file.size()});
      benchmark::DoNotOptimize(buffer[0]);
      bytes += file.size();
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(pread_alone)->UseRealTime()->Unit(benchmark::kMillisecond);

// range: percent of the rows, in random order.
void read_rows(benchmark::State& state) {
  std::vector<SampleKey> keys;
  for (std::uint64_t i = 0; i < kReadRows; ++i) keys.push_back(key_of(i));
  std::shuffle(keys.begin(), keys.end(), std::mt19937(2));
  keys.resize(keys.size() * static_cast<std::size_t>(state.range(0)) / 100);
  for (auto _ : state) {
    const FeatureMatrix matrix = read_cache().read(keys);
    benchmark::DoNotOptimize(matrix.data.get()[0]);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * keys.size() * kDim * 2));
}
BENCHMARK(read_rows)->ArgName("percent")->Arg(100)->Arg(75)->Arg(10)->UseRealTime()->Unit(
    benchmark::kMillisecond);

void open_million_rows(benchmark::State& state) {
  static const ScratchFolder folder("open");
  static const bool filled = [] {
    Cache cache = make(folder.path(), DType::f16, 128);
    fill(cache, 1'000'000, false);
    return true;
  }();
  benchmark::DoNotOptimize(filled);
  for (auto _ : state) benchmark::DoNotOptimize(Cache::open(folder.path()).stats().rows);
}
BENCHMARK(open_million_rows)->UseRealTime()->Unit(benchmark::kMillisecond);

void verify(benchmark::State& state) {
  for (auto _ : state)
    if (!read_cache().verify().empty()) state.SkipWithError("the cache is damaged");
  state.SetBytesProcessed(
      static_cast<std::int64_t>(state.iterations() * read_cache().stats().bytes));
}
BENCHMARK(verify)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
