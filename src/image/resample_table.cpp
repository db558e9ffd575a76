#include "image/resample_table.hpp"

#include <algorithm>
#include <cmath>

namespace caft::image {
namespace {

double triangle(double x) {
  x = std::fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

/// Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -0.5. The
/// order of operations is part of the contract: the results are rounded to the same bits as
/// Pillow's.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

struct Filter {
  double (*weight)(double);
  double scale;    ///< input samples an output sample
  double stretch;  ///< how much the filter is widened: the scale, but 1 when enlarging
  double support;  ///< input samples that the widened filter reaches on either side
};

Filter make_filter(int in, std::int64_t out, Interpolation interpolation) {
  const bool bilinear = interpolation == Interpolation::bilinear;
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(scale, 1.0);
  return {bilinear ? &triangle : &cubic, scale, stretch, (bilinear ? 1.0 : 2.0) * stretch};
}

std::int64_t max_taps(const Filter& filter) {
  return (static_cast<std::int64_t>(std::ceil(filter.support)) * 2 + 1 + 3) / 4 * 4;
}

std::int32_t to_fixed(double weight) {
  const double scaled = weight * (1 << kWeightBits);
  return static_cast<std::int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

}  // namespace

std::uint64_t resample_table_bytes(int in, std::int64_t out, int outputs,
                                   Interpolation interpolation) {
  constexpr std::uint64_t kBytesATap = sizeof(std::int32_t) + 16;
  const std::int64_t taps = max_taps(make_filter(in, out, interpolation));
  return static_cast<std::uint64_t>(taps) * static_cast<std::uint64_t>(outputs) * kBytesATap;
}

ResampleTable make_resample_table(int in, std::int64_t out, std::int64_t begin, int outputs,
                                  Interpolation interpolation) {
  const Filter filter = make_filter(in, out, interpolation);
  ResampleTable table;
  table.outputs = outputs;
  table.first.resize(static_cast<std::size_t>(outputs));
  table.count.resize(static_cast<std::size_t>(outputs));

  const auto center_of = [&](std::size_t i) {
    return (static_cast<double>(begin + static_cast<std::int64_t>(i)) + 0.5) * filter.scale;
  };
  for (std::size_t i = 0; i < table.first.size(); ++i) {
    const double center = center_of(i);
    // Pillow rounds by this very cast, so numbers below -0.5 go the other way than std::lround's.
    // NOLINTBEGIN(bugprone-incorrect-roundings)
    const auto low = static_cast<std::int64_t>(center - filter.support + 0.5);
    const auto high = static_cast<std::int64_t>(center + filter.support + 0.5);
    // NOLINTEND(bugprone-incorrect-roundings)
    const std::int64_t first = std::max<std::int64_t>(low, 0);
    table.first[i] = static_cast<std::int32_t>(first);
    table.count[i] = static_cast<std::int32_t>(std::min<std::int64_t>(high, in) - first);
    table.widest = std::max(table.widest, table.count[i]);
  }

  table.taps = (table.widest + 3) / 4 * 4;
  const auto taps = static_cast<std::size_t>(table.taps);
  table.weights.assign(taps * table.first.size(), 0);
  std::vector<double> exact(taps);
  const double shrink = 1.0 / filter.stretch;
  for (std::size_t i = 0; i < table.first.size(); ++i) {
    const double center = center_of(i);
    const auto count = static_cast<std::size_t>(table.count[i]);
    double sum = 0;
    for (std::size_t t = 0; t < count; ++t) {
      const double position = static_cast<double>(static_cast<std::int64_t>(t) + table.first[i]);
      exact[t] = filter.weight((position - center + 0.5) * shrink);
      sum += exact[t];
    }
    for (std::size_t t = 0; t < count; ++t) {
      table.weights[i * taps + t] = to_fixed(sum != 0.0 ? exact[t] / sum : exact[t]);
    }
  }
  return table;
}

}  // namespace caft::image
