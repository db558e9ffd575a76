// Reading features: sequential, checked, straight into their place.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#include "cache/state.hpp"
#include "caft/core/error.hpp"
#include "caft/core/file.hpp"

namespace caft {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kPieceBytes = std::size_t{1} << 19;  ///< read, then checked while in L2
constexpr std::size_t kTaskBytes = std::size_t{8} << 20;
constexpr unsigned kMaxThreads = 8;  ///< beyond these the memory, not the cores, is the limit

// Uninitialised: every byte is read into.
std::shared_ptr<std::byte[]> allocate(std::uint64_t bytes) {
  const std::uint64_t rounded =
      std::max<std::uint64_t>((bytes + kAlignment - 1) / kAlignment * kAlignment, kAlignment);
  void* memory = std::aligned_alloc(kAlignment, rounded);
  if (memory == nullptr)
    throw Error(ErrorKind::io, fmt::format("not enough memory for {} MiB of features", bytes >> 20),
                "train on fewer samples, or cache with --dtype fp16");
  return {static_cast<std::byte*>(memory), [](std::byte* p) { std::free(p); }};
}

/// A set of rows with the rank of each: where it stands among those wanted.
class RowSet {
 public:
  explicit RowSet(std::uint64_t rows) : words_(rows / 64 + 1), before_(words_.size()) {}
  void insert(std::uint64_t row) { words_[row / 64] |= std::uint64_t{1} << row % 64; }
  /// Call once, after the last insert. Gives the number of rows.
  std::uint32_t count() {
    std::uint32_t total = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      before_[i] = total;
      total += static_cast<std::uint32_t>(std::popcount(words_[i]));
    }
    return total;
  }
  [[nodiscard]] std::uint32_t rank(std::uint64_t row) const {
    const std::uint64_t lower = words_[row / 64] & ((std::uint64_t{1} << row % 64) - 1);
    return before_[row / 64] + static_cast<std::uint32_t>(std::popcount(lower));
  }
  /// The first row at or after `row` that is in the set (`value` true) or not; at most `end`.
  [[nodiscard]] std::uint64_t next(std::uint64_t row, std::uint64_t end, bool value) const {
    while (row < end) {
      std::uint64_t word = value ? words_[row / 64] : ~words_[row / 64];
      word >>= row % 64;
      if (word != 0) return std::min(end, row + static_cast<unsigned>(std::countr_zero(word)));
      row += 64 - row % 64;
    }
    return end;
  }

 private:
  std::vector<std::uint64_t> words_;
  std::vector<std::uint32_t> before_;
};

/// Rows [begin, end) of one shard.
struct Task {
  std::shared_ptr<const Shard> shard;
  std::uint64_t first_row = 0;  ///< the number of the shard's row 0 in the catalog
  std::uint64_t begin = 0, end = 0;
};

void check_rows(const Shard& shard, std::uint64_t first, std::span<const std::byte> bytes) {
  for (std::uint64_t i = 0; i * shard.row_bytes < bytes.size(); ++i) {
    if (xxh3_64(bytes.subspan(i * shard.row_bytes, shard.row_bytes)) ==
        shard.row_checksums[first + i])
      continue;
    throw Error(
        ErrorKind::mismatch,
        fmt::format("shard {}: row {} does not match its checksum", shard.path.string(), first + i),
        "run `caft cache repair`, then `caft cache`: it computes the rows that are gone");
  }
}

File open_shard(const Shard& shard) {
  try {
    File file = File::open(shard.path);
    if (file.size() == shard.record.bytes) return file;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
  }
  throw Error(ErrorKind::mismatch,
              fmt::format("shard {} was removed or cut short since the cache was opened",
                          shard.path.string()),
              "run `caft cache` again: it computes the rows that are gone");
}

void run_task(const Task& task, const RowSet& wanted, std::byte* out) {
  const Shard& shard = *task.shard;
  const std::uint64_t piece_rows = std::max<std::uint64_t>(kPieceBytes / shard.row_bytes, 1);
  std::uint64_t row = wanted.next(task.begin, task.end, true);
  const File file = open_shard(shard);
  while (row < task.end) {
    const std::uint64_t end = wanted.next(row, std::min(task.end, row + piece_rows), false);
    const std::uint64_t in_shard = row - task.first_row;
    const std::span<std::byte> piece(out + std::uint64_t{wanted.rank(row)} * shard.row_bytes,
                                     (end - row) * shard.row_bytes);
    file.read_at(shard.features_offset + in_shard * shard.row_bytes, piece);
    check_rows(shard, in_shard, piece);
    row = wanted.next(end, task.end, true);
  }
}

// Has the disk begin on a task whose turn comes next: by itself the kernel reads ahead 128 KiB,
// which keeps no fast disk busy. Only a hint, and only where most rows are wanted.
void prefetch(const Task& task, const RowSet& wanted) {
  const std::uint64_t rows = task.end - task.begin;
  if (std::uint64_t{wanted.rank(task.end)} - wanted.rank(task.begin) < rows / 2) return;
  const int descriptor = ::open(task.shard->path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  const std::uint64_t offset =
      task.shard->features_offset + (task.begin - task.first_row) * task.shard->row_bytes;
  ::posix_fadvise(descriptor, static_cast<off_t>(offset),
                  static_cast<off_t>(rows * task.shard->row_bytes), POSIX_FADV_WILLNEED);
  ::close(descriptor);
}

std::vector<Task> plan(const Catalog& catalog, const RowSet& wanted) {
  std::vector<Task> tasks;
  for (std::size_t i = 0; i < catalog.shards.size(); ++i) {
    const std::uint64_t first = catalog.first_row[i], end = first + catalog.shards[i]->record.rows;
    const std::uint64_t step =
        std::max<std::uint64_t>(kTaskBytes / catalog.shards[i]->row_bytes, 1);
    for (std::uint64_t begin = first; begin < end; begin += step) {
      const std::uint64_t stop = std::min(end, begin + step);
      if (wanted.next(begin, stop, true) != stop)
        tasks.push_back({catalog.shards[i], first, begin, stop});
    }
  }
  return tasks;
}

void run_all(const std::vector<Task>& tasks, const RowSet& wanted, std::byte* out) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;
  const std::size_t helpers =
      std::min<std::size_t>({std::thread::hardware_concurrency(), kMaxThreads, tasks.size()});
  const auto work = [&] {
    try {
      for (std::size_t i = next++; i < tasks.size(); i = next++) {
        if (i + helpers < tasks.size()) prefetch(tasks[i + helpers], wanted);
        run_task(tasks[i], wanted, out);
      }
    } catch (...) {
      next = tasks.size();  // the others stop at their next task
      const std::scoped_lock hold(mutex);
      if (!error) error = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    try {
      for (std::size_t i = 1; i < helpers; ++i) threads.emplace_back(work);
    } catch (const std::system_error&) {
      // No more threads to be had: those that run, and this one, do it all.
    }
    work();
  }
  if (error) std::rethrow_exception(error);
}

[[noreturn]] void refuse_missing(const CacheState& state, std::size_t missing, std::size_t asked) {
  const std::string what = fmt::format("cache {} lacks {} of the {} samples asked for",
                                       state.folder.string(), missing, asked);
  if (state.damaged.empty()) throw Error(ErrorKind::not_found, what, "run `caft cache` on them");
  throw Error(ErrorKind::mismatch, what + "; " + state.damaged.front().what);
}

}  // namespace

FeatureMatrix read_features(const CacheState& state, std::span<const SampleKey> keys) {
  FeatureMatrix matrix;
  matrix.dim = state.identity().dim;
  matrix.dtype = state.identity().dtype;
  matrix.row_of.resize(keys.size());
  std::vector<Task> tasks;
  std::optional<RowSet> wanted;
  {
    const std::shared_lock hold(state.mutex);
    wanted.emplace(state.catalog.keys.size());
    std::size_t missing = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const std::optional<std::uint32_t> row = state.catalog.keys.find(keys[i]);
      if (!row) {
        ++missing;
        continue;
      }
      matrix.row_of[i] = *row;
      wanted->insert(*row);
    }
    if (missing != 0) refuse_missing(state, missing, keys.size());
    tasks = plan(state.catalog, *wanted);
  }
  matrix.rows = wanted->count();
  for (std::uint32_t& row : matrix.row_of) row = wanted->rank(row);
  matrix.data = allocate(std::uint64_t{matrix.rows} * matrix.dim * size_of(matrix.dtype));
  run_all(tasks, *wanted, matrix.data.get());
  return matrix;
}

}  // namespace caft
