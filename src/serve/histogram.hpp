// Counters and histograms that many threads feed.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace caft::serve {

/// A cumulative histogram as Prometheus has it. Thread-safe; a reader may see a value's count
/// before its sum.
class Histogram {
 public:
  /// Upper bounds, ascending; a bucket without bound is added.
  explicit Histogram(std::vector<double> bounds);
  void observe(double value);
  /// Appends the lines of `name`, with `labels` ("model=\"a\"") in each.
  void write(std::string& out, const std::string& name, const std::string& labels) const;

 private:
  std::vector<double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;
  std::atomic<double> sum_{0};
};

}  // namespace caft::serve
