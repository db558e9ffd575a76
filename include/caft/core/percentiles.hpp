// A set of timings in a few numbers.
#pragma once

#include <vector>

namespace caft {

/// In the unit of the values, usually milliseconds.
struct Percentiles {
  double mean = 0, p50 = 0, p90 = 0, p99 = 0;
};

/// The value at each share of the sorted `values`, without interpolation; zeros when there are
/// none.
Percentiles percentiles(std::vector<double> values);

}  // namespace caft
