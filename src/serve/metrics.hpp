// What /metrics tells: requests, queues, batches, latencies, errors.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "serve/histogram.hpp"

namespace caft::serve {

/// Of one backbone's queue and workers.
struct QueueMetrics {
  std::atomic<std::uint64_t> images{0};      ///< answered with probabilities
  std::atomic<std::uint64_t> bad_images{0};  ///< that could not be decoded
  std::atomic<std::uint64_t> failures{0};    ///< batches that the engine failed on
  Histogram batch{{1, 2, 4, 8, 16, 32, 64, 128, 256}};
  Histogram wait{{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5}};
  Histogram engine{{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5}};
};

/// Of the HTTP side. Thread-safe.
class HttpMetrics {
 public:
  std::atomic<std::int64_t> connections{0};
  std::atomic<std::uint64_t> refused_connections{0};
  std::atomic<std::uint64_t> timeouts{0};
  std::atomic<std::uint64_t> malformed{0};

  /// `route` is one of a few fixed texts, never what a client sent.
  void count(const std::string& route, int status, double seconds);
  void write(std::string& out) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::uint64_t> requests_;
  Histogram seconds_{{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10}};
};

/// The queue's lines; `backbone` labels them, `waiting` images are in it now.
void write_metrics(std::string& out, const QueueMetrics& metrics, const std::string& backbone,
                   std::size_t waiting);

}  // namespace caft::serve
