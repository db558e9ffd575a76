// Collects rows and commits them on a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "cache/state.hpp"

namespace caft {

/// Fills one shard while the one before it is written: at most two are in memory, and whoever
/// appends waits only when both are full. A failure of the thread is thrown by the next call and by
/// all after it; nothing is tried twice. Thread-safe.
class Committer {
 public:
  Committer(std::shared_ptr<CacheState> state, const Cache::Writer::Options& options,
            std::string soft);
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;
  ~Committer();  ///< what is not committed is dropped

  /// Takes a packed row unless its key is there already.
  void append(const SampleKey& key, std::span<const std::byte> row);
  void remember(MemoEntry entry);
  /// Returns when all that was taken before the call is durable.
  void flush();

 private:
  struct Job {
    ShardBuffer rows;
    std::vector<MemoEntry> memo;
  };
  [[nodiscard]] bool full() const;
  [[nodiscard]] bool due() const;
  void took_one();
  void run();
  void commit(Job& job);

  const std::shared_ptr<CacheState> state_;
  const Cache::Writer::Options options_;
  const std::string soft_;
  std::uint64_t next_number_;

  std::mutex mutex_;
  std::condition_variable work_, done_;
  Job open_;                                     ///< being filled
  std::unordered_set<SampleKey> pending_;        ///< keys in memory
  std::chrono::system_clock::time_point since_;  ///< when the first of `open_` came
  std::uint64_t taken_ = 0, handed_over_ = 0, committed_ = 0, flush_until_ = 0;  ///< in calls
  bool stop_ = false;
  std::exception_ptr error_;
  bool error_seen_ = false;
  std::thread thread_;
};

}  // namespace caft
