// What the cache's tests share: scratch folders, and rows that anyone can compute again.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <unistd.h>

#include "caft/cache/cache.hpp"
#include "caft/core/error.hpp"

namespace caft::cache_test {

/// A folder that goes with the test.
class ScratchFolder {
 public:
  ScratchFolder() {
    static std::atomic<int> counter{0};
    path_ = std::filesystem::temp_directory_path() /
            ("caft_cache_test." + std::to_string(::getpid()) + "." + std::to_string(counter++));
    std::filesystem::create_directories(path_);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline SampleKey key_of(std::uint64_t sample) {
  return xxh3_128(std::as_bytes(std::span(&sample, 1)));
}

inline std::vector<SampleKey> keys_of(std::uint64_t begin, std::uint64_t end) {
  std::vector<SampleKey> keys;
  for (std::uint64_t i = begin; i < end; ++i) keys.push_back(key_of(i));
  return keys;
}

/// The features of a sample: seeded by its number, in (-4, 4), exact in f16.
inline std::vector<float> row_of(std::uint64_t sample, std::size_t dim) {
  std::mt19937 random(static_cast<std::uint32_t>(sample));
  std::vector<float> row(dim);
  for (float& value : row)
    value = static_cast<float>(static_cast<int>(random() % 4095) - 2047) / 512.0F;
  return row;
}

inline Fingerprint fingerprint(const std::string& onnx = "abc") {
  return {{{"onnx_sha256", onnx}, {"preprocess", {{"size", {224, 224}}, {"antialias", true}}}},
          {{"backend", "reference"}}};
}

/// Commits often and does not wait for the disk: for tests of other things than durability.
inline Cache::Writer::Options quick(std::size_t shard_bytes = std::size_t{1} << 20) {
  return {.shard_bytes = shard_bytes, .shard_seconds = 1e6, .durable = false};
}

inline Cache make_cache(const std::filesystem::path& folder, DType dtype, std::size_t dim) {
  return Cache::open_or_create(folder, fingerprint(), {dtype, dim});
}

/// Appends samples [begin, end), `rows_per_shard` to a shard.
inline void fill(Cache& cache, std::uint64_t begin, std::uint64_t end, std::size_t rows_per_shard) {
  Cache::Writer writer =
      cache.writer(quick(rows_per_shard * cache.dim() * size_of(cache.dtype())), {{"run", begin}});
  std::size_t waiting = 0;
  for (std::uint64_t i = begin; i < end; ++i) {
    writer.append(key_of(i), row_of(i, cache.dim()));
    if (++waiting % rows_per_shard == 0) writer.commit();
  }
  writer.commit();
}

/// Row `i` of the matrix, for the i-th key asked for, as f32.
inline std::vector<float> features(const FeatureMatrix& matrix, std::size_t i) {
  std::vector<float> row(matrix.dim);
  const std::byte* from = matrix.data.get() + matrix.row_of[i] * matrix.dim * size_of(matrix.dtype);
  if (matrix.dtype == DType::f32)
    std::memcpy(row.data(), from, matrix.dim * sizeof(float));
  else
    half_to_float(reinterpret_cast<const std::uint16_t*>(from), row.data(), matrix.dim);
  return row;
}

/// True when samples [begin, end) are there, bit for bit.
inline ::testing::AssertionResult holds(const Cache& cache, std::uint64_t begin,
                                        std::uint64_t end) {
  const FeatureMatrix matrix = cache.read(keys_of(begin, end));
  for (std::uint64_t i = begin; i < end; ++i)
    if (features(matrix, i - begin) != row_of(i, cache.dim()))
      return ::testing::AssertionFailure() << "sample " << i << " has other features";
  return ::testing::AssertionSuccess();
}

inline std::vector<std::filesystem::path> shards_in(const std::filesystem::path& cache) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(cache / "shards"))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

inline std::string slurp(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void spill(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

/// `brief` in everyday runs, `thorough` under `make test-crash`.
inline int cases(int brief, int thorough) {
  return std::getenv("CAFT_THOROUGH_TESTS") == nullptr ? brief : thorough;
}

/// Runs `action` and gives the error that it throws.
template <typename Action>
Error error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ErrorKind::usage, ""};
}

}  // namespace caft::cache_test
