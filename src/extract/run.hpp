// What the threads of one extraction share.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <span>
#include <string>

#include "caft/core/error.hpp"
#include "caft/extract/extractor.hpp"

namespace caft {

struct Run {
  const Backbone& backbone;
  const ExtractTask& task;
  const ExtractOptions& options;
  std::atomic<std::size_t> next{0};  ///< the item that nobody has taken yet
  std::atomic<bool> stop{false};
  std::mutex mutex;  // guards what follows
  std::exception_ptr error;
  ExtractTimes times;

  /// Ends the run with the exception that is being handled.
  void fail() {
    stop = true;
    const std::lock_guard lock(mutex);
    if (!error) error = std::current_exception();
  }
  void add(const ExtractTimes& more) {
    const std::lock_guard lock(mutex);
    times.fetch += more.fetch;
    times.decode += more.decode;
    times.engine += more.engine;
  }
};

/// Adds the time until it is destroyed to `total`, in seconds.
class Stopwatch {
 public:
  explicit Stopwatch(double& total) : total_(total) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() {
    total_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  double& total_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Whether an error is one item's own fault, so that the run goes on without it.
inline bool is_items_fault(const Error& error) {
  return error.kind() == ErrorKind::bad_input || error.kind() == ErrorKind::not_found ||
         error.kind() == ErrorKind::io;
}

/// Gives a row to the task. Throws Error(mismatch) when it is not finite.
void deliver(const Run& run, std::size_t item, std::span<const float> row);

}  // namespace caft
