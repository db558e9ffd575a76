// Progress with a rate and an estimate of the time left.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace caft {

/// Receives progress. Implementations must be thread-safe: workers report from their own threads.
class ProgressSink {
 public:
  virtual ~ProgressSink() = default;
  /// `done` of `total` items (total 0: unknown) of the stage called `label`.
  virtual void update(const std::string& label, std::uint64_t done, std::uint64_t total) = 0;
  /// The stage is over; the next update begins another.
  virtual void finish() = 0;
};

/// Shows progress on stderr: one line rewritten in place on a terminal, else a plain line every
/// five seconds. Thread-safe.
class ConsoleProgress final : public ProgressSink {
 public:
  ConsoleProgress();
  void update(const std::string& label, std::uint64_t done, std::uint64_t total) override;
  void finish() override;

 private:
  void print(bool final);
  std::mutex mutex_;
  bool terminal_;
  bool printed_ = false;
  std::string label_;
  std::uint64_t done_ = 0, total_ = 0;
  std::chrono::steady_clock::time_point start_, last_;
};

}  // namespace caft
