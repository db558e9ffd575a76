#include "engine/agreement.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>
#include <vector>

#include "caft/core/error.hpp"

namespace caft {
namespace {

/// Rows of one set, less the reference's mean row.
struct CentredRows {
  std::vector<float> values;
  std::vector<double> norms;
};

double dot(const float* a, const float* b, std::size_t size) {
  float sums[16] = {};
  std::size_t i = 0;
  for (; i + 16 <= size; i += 16) {
    for (std::size_t k = 0; k < 16; ++k) sums[k] += a[i + k] * b[i + k];
  }
  double sum = 0;
  for (const float part : sums) sum += part;
  for (; i < size; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

double exact_dot(const float* a, const float* b, std::size_t size) {
  double sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

CentredRows centre(std::span<const float> rows, std::span<const double> mean) {
  CentredRows centred{{rows.begin(), rows.end()}, {}};
  const std::size_t size = mean.size();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    centred.values[i] = static_cast<float>(rows[i] - mean[i % size]);
  }
  for (std::size_t at = 0; at < rows.size(); at += size) {
    const float* row = centred.values.data() + at;
    centred.norms.push_back(std::sqrt(exact_dot(row, row, size)));
  }
  return centred;
}

std::vector<double> mean_row(std::span<const float> values, std::size_t rows) {
  std::vector<double> mean(values.size() / rows, 0.0);
  if (rows < 2) return mean;
  for (std::size_t i = 0; i < values.size(); ++i) mean[i % mean.size()] += values[i];
  for (double& value : mean) value /= static_cast<double>(rows);
  return mean;
}

double cosine(const CentredRows& a, const CentredRows& b, std::size_t row, std::size_t size) {
  const double norms = a.norms[row] * b.norms[row];
  if (a.norms[row] == 0 && b.norms[row] == 0) return 1;
  const double value =
      exact_dot(a.values.data() + row * size, b.values.data() + row * size, size) / norms;
  return std::isfinite(value) ? std::min(value, 1.0) : -1;
}

bool is_nearest_to_itself(const CentredRows& a, const CentredRows& b, std::size_t row,
                          std::size_t size) {
  constexpr double kTie = 1e-6;  // the same image twice is no disagreement
  const float* mine = a.values.data() + row * size;
  const auto nearness = [&](std::size_t other) {
    if (b.norms[other] == 0) return a.norms[row] == 0 ? 1.0 : 0.0;
    return dot(mine, b.values.data() + other * size, size) / (a.norms[row] * b.norms[other]);
  };
  if (a.norms[row] == 0) return b.norms[row] == 0;
  const double own = nearness(row);
  if (!std::isfinite(own)) return false;
  for (std::size_t other = 0; other < b.norms.size(); ++other) {
    if (nearness(other) > own + kTie) return false;
  }
  return true;
}

bool has_same_largest(const float* a, const float* b, std::size_t size) {
  const auto largest = [size](const float* row) { return std::max_element(row, row + size) - row; };
  if (std::any_of(a, a + size, [](float value) { return std::isnan(value); })) return false;
  return largest(a) == largest(b);
}

/// Calls `holds(row)` for every row on every core; returns for how many it held.
template <typename Holds>
std::size_t count_rows(std::size_t rows, const Holds& holds) {
  std::atomic<std::size_t> next{0}, count{0};
  const auto work = [&] {
    for (std::size_t row = next++; row < rows; row = next++) {
      if (holds(row)) ++count;
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned i = 1; i < std::thread::hardware_concurrency(); ++i) threads.emplace_back(work);
  work();
  threads.clear();
  return count;
}

void count_differences(std::span<const float> actual, std::span<const float> expected,
                       const std::optional<Tolerance>& tolerance, Agreement& result) {
  double sum = 0, square = 0;
  std::size_t finite = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double want = expected[i];
    const double gap = std::fabs(actual[i] - want);
    square += want * want;
    result.nan += std::isnan(actual[i]) ? 1 : 0;
    result.inf += std::isinf(actual[i]) ? 1 : 0;
    if (tolerance && !(gap <= tolerance->atol + tolerance->rtol * std::fabs(want))) {
      ++result.beyond_tolerance;
    }
    if (!std::isfinite(gap)) continue;
    result.max_abs = std::max(result.max_abs, gap);
    sum += gap;
    ++finite;
  }
  result.mean_abs = finite == 0 ? 0 : sum / static_cast<double>(finite);
  result.scale = std::sqrt(square / static_cast<double>(expected.size()));
}

}  // namespace

Agreement compare_outputs(std::span<const float> actual, std::span<const float> expected,
                          std::size_t rows, Top1 top1, const std::optional<Tolerance>& tolerance) {
  if (rows == 0 || expected.empty() || actual.size() != expected.size() ||
      expected.size() % rows != 0) {
    throw Error(ErrorKind::mismatch, "the engine's outputs and the reference's differ in size");
  }
  Agreement result{.rows = rows};
  count_differences(actual, expected, tolerance, result);
  const std::vector<double> mean = mean_row(expected, rows);
  const std::size_t size = mean.size();
  const CentredRows a = centre(actual, mean), b = centre(expected, mean);
  double sum = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    const double value = cosine(a, b, row, size);
    result.cosine_min = std::min(result.cosine_min, value);
    sum += value;
  }
  result.cosine_mean = sum / static_cast<double>(rows);
  const std::size_t same = count_rows(rows, [&](std::size_t row) {
    return top1 == Top1::largest
               ? has_same_largest(actual.data() + row * size, expected.data() + row * size, size)
               : is_nearest_to_itself(a, b, row, size);
  });
  result.top1_agreement = static_cast<double>(same) / static_cast<double>(rows);
  return result;
}

AgreementThresholds default_thresholds(Precision precision) {
  switch (precision) {
    case Precision::fp16:
      return {.cosine = 0.999, .top1 = 0.995};
    case Precision::bf16:
      return {.cosine = 0.99, .top1 = 0};
    case Precision::int8:
      return {.cosine = 0.95, .top1 = 0};
    default:
      return {.cosine = 0.9999, .top1 = 0.995};
  }
}

bool passes(const Agreement& agreement, const AgreementThresholds& thresholds) {
  return agreement.nan == 0 && agreement.inf == 0 && agreement.cosine_min >= thresholds.cosine &&
         agreement.top1_agreement >= thresholds.top1 && agreement.beyond_tolerance == 0;
}

}  // namespace caft
