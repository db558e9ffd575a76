#include "head/fused/features.hpp"

#include <atomic>
#include <cmath>
#include <limits>
#include <string>

#include "caft/core/error.hpp"

namespace caft::fused {
namespace {

/// Whether a variance is nothing but rounding (the rule of scikit-learn's StandardScaler).
bool is_constant(double variance, double mean, double n) {
  constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  const double rounding = n * kEpsilon * variance + std::pow(n * mean * kEpsilon, 2);
  // Below 1e-30 the reciprocal would leave the range of float.
  return variance <= rounding || std::sqrt(variance) < 1e-30;
}

}  // namespace

StandardizedFeatures::StandardizedFeatures(const TrainingData& data, ThreadTeam& team)
    : data_(&data), kernels_(&kernels()) {
  measure(team);
  check_finite(data.val, team);
}

const void* StandardizedFeatures::row(std::uint32_t sample) const {
  const FeatureView& view = data_->features;
  const std::size_t start = data_->row_of[sample] * view.dim * size_of(view.dtype);
  return static_cast<const std::byte*>(view.data) + start;
}

void StandardizedFeatures::standardize(std::uint32_t sample, std::size_t first, std::size_t count,
                                       const float* mean, const float* scale, float* out) const {
  if (data_->features.dtype == DType::f16) {
    const auto* from = static_cast<const std::uint16_t*>(row(sample)) + first;
    kernels_->standardize_f16(from, count, mean, scale, out);
  } else {
    kernels_->standardize_f32(static_cast<const float*>(row(sample)) + first, count, mean, scale,
                              out);
  }
}

void StandardizedFeatures::load(std::uint32_t sample, float* out) const {
  standardize(sample, 0, dim(), mean_f32_.data(), scale_f32_.data(), out);
  out[dim()] = 1;
  std::fill(out + dim() + 1, out + stride(), 0.0F);
}

void StandardizedFeatures::measure(ThreadTeam& team) {
  const std::size_t d = dim();
  const auto n = static_cast<double>(data_->train.size());
  const std::vector<float> zeros(d, 0.0F), ones(d, 1.0F);
  std::vector<float> origin(d);
  standardize(data_->train.front(), 0, d, zeros.data(), ones.data(), origin.data());
  std::vector<double> sum(d, 0.0), squares(d, 0.0);
  // Threads share out the features, not the rows, so that sums do not depend on their number. Sums
  // are taken about the first sample: about zero, squares of a large mean would cancel.
  constexpr std::size_t kSlice = 4 * kLine;
  team.run([&](int i) {
    const auto [first_slice, last_slice] = team.share((d + kSlice - 1) / kSlice, i);
    const std::size_t first = first_slice * kSlice, last = std::min(last_slice * kSlice, d);
    if (first >= last) return;
    std::vector<float> shifted(last - first);
    for (const std::uint32_t sample : data_->train) {
      standardize(sample, first, last - first, origin.data() + first, ones.data(), shifted.data());
      kernels_->add_moments(shifted.data(), last - first, sum.data() + first,
                            squares.data() + first);
    }
  });
  mean_.resize(d);
  scale_.resize(d);
  for (std::size_t j = 0; j < d; ++j) {
    const double shift = sum[j] / n;
    const double variance = std::max(squares[j] / n - shift * shift, 0.0);
    mean_[j] = origin[j] + shift;
    if (!std::isfinite(variance) || !std::isfinite(mean_[j])) {
      check_finite(data_->train, team);
      throw Error(ErrorKind::bad_input,
                  "feature " + std::to_string(j) + " is too large to train on");
    }
    scale_[j] = is_constant(variance, mean_[j], n) ? 0.0 : 1 / std::sqrt(variance);
  }
  mean_f32_.assign(mean_.begin(), mean_.end());
  scale_f32_.assign(scale_.begin(), scale_.end());
}

bool StandardizedFeatures::finite(std::uint32_t sample, float* scratch) const {
  const std::size_t d = dim();
  // x - x is 0, or NaN where x is not finite; the first standardisation is by mean 0, scale 1.
  standardize(sample, 0, d, scratch + d, scratch + 2 * d, scratch);
  float sum = 0;
  for (std::size_t j = 0; j < d; ++j) sum += scratch[j] - scratch[j];
  return sum == 0;
}

void StandardizedFeatures::check_finite(std::span<const std::uint32_t> samples,
                                        ThreadTeam& team) const {
  std::atomic<std::size_t> worst{samples.size()};
  team.run([&](int i) {
    std::vector<float> scratch(3 * dim(), 0.0F);
    std::fill(scratch.begin() + static_cast<std::ptrdiff_t>(2 * dim()), scratch.end(), 1.0F);
    const auto [first, last] = team.share(samples.size(), i);
    for (std::size_t s = first; s < last; ++s) {
      if (finite(samples[s], scratch.data())) continue;
      std::size_t known = worst.load();
      while (s < known && !worst.compare_exchange_weak(known, s)) {
      }
      return;
    }
  });
  if (worst < samples.size()) {
    throw Error(
        ErrorKind::bad_input,
        "the features of sample " + std::to_string(samples[worst]) + " hold NaN or infinity",
        "verify the cache, or compute its features anew");
  }
}

DenseLayer StandardizedFeatures::fold(std::span<const float> weight, std::size_t outputs) const {
  const std::size_t d = dim();
  DenseLayer layer{.inputs = d,
                   .outputs = outputs,
                   .weight = std::vector<float>(outputs * d),
                   .bias = std::vector<float>(outputs)};
  for (std::size_t c = 0; c < outputs; ++c) {
    const float* from = weight.data() + c * stride();
    double bias = from[d];
    for (std::size_t j = 0; j < d; ++j) {
      const double folded = from[j] * scale_[j];
      layer.weight[c * d + j] = static_cast<float>(folded);
      bias -= folded * mean_[j];
    }
    layer.bias[c] = static_cast<float>(bias);
  }
  return layer;
}

}  // namespace caft::fused
