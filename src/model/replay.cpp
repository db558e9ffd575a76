#include "caft/model/replay.hpp"

#include <algorithm>
#include <cmath>

#include "caft/core/error.hpp"

namespace caft {
namespace {

std::size_t best_of(std::span<const float> row) {
  return static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
}

bool is_close(std::span<const float> row, std::size_t best) {
  float second = -1;
  for (std::size_t c = 0; c < row.size(); ++c)
    if (c != best) second = std::max(second, row[c]);
  return row[best] - second <= close_decision;
}

void count(ReplayResult& result, bool close, bool same) {
  ++result.decisions;
  if (close) return;
  ++result.counted;
  if (same) ++result.agreeing;
}

void compare_row(ReplayResult& result, std::span<const float> expected,
                 std::span<const float> actual, bool multi_label) {
  const bool finite = std::ranges::all_of(actual, [](float p) { return std::isfinite(p); });
  for (std::size_t c = 0; c < expected.size(); ++c) {
    const double difference = std::fabs(static_cast<double>(actual[c]) - expected[c]);
    result.max_difference =
        finite ? std::max(result.max_difference, difference) : std::max(1.0, result.max_difference);
  }
  if (!multi_label) {
    const std::size_t best = best_of(expected);
    return count(result, is_close(expected, best), finite && best_of(actual) == best);
  }
  for (std::size_t c = 0; c < expected.size(); ++c) {
    const bool close = std::fabs(expected[c] - 0.5) <= close_decision / 2;
    count(result, close, finite && (expected[c] >= 0.5F) == (actual[c] >= 0.5F));
  }
}

}  // namespace

ReplayResult compare_replay(std::span<const float> reference, std::span<const float> replayed,
                            std::size_t classes, bool multi_label) {
  if (classes == 0 || reference.size() != replayed.size() || reference.size() % classes != 0)
    throw Error(ErrorKind::usage, "a replay needs as many probabilities as its reference");
  ReplayResult result;
  for (std::size_t start = 0; start < reference.size(); start += classes) {
    compare_row(result, reference.subspan(start, classes), replayed.subspan(start, classes),
                multi_label);
  }
  return result;
}

double replay_threshold(Precision precision) {
  switch (precision) {
    case Precision::fp16:
      return 0.995;
    case Precision::bf16:  // eight bits: two ways to round the same sums differ by as much
    case Precision::int8:
      return 0.97;
    default:
      return 0.999;
  }
}

}  // namespace caft
