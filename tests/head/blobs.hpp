// Synthetic features for the head tests: noisy clusters, in the cache's layout.
#pragma once

#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "caft/core/dtype.hpp"
#include "caft/head/trainer.hpp"

namespace caft::test {

/// Samples around one random centre a class. Rows lie in another order than samples, as a cache's
/// do.
struct Blobs {
  struct Options {
    std::size_t samples = 240, dim = 20, classes = 3;
    double spread = 0.7;  ///< of the centres; the noise is 1
    DType dtype = DType::f32;
    bool multi_label = false;
    unsigned seed = 1;
  };

  explicit Blobs(const Options& options) : o(options) {
    std::mt19937 random(o.seed);
    std::normal_distribution<float> normal;
    std::vector<float> centres(o.classes * o.dim);
    for (float& value : centres) value = static_cast<float>(o.spread) * normal(random);
    values.resize(o.samples * o.dim);
    row_of.resize(o.samples);
    for (std::size_t i = 0; i < o.samples; ++i) {
      row_of[i] = static_cast<std::uint32_t>(o.samples - 1 - i);
      std::vector<bool> has(o.classes, false);
      if (o.multi_label) {
        for (std::size_t c = 0; c < o.classes; ++c) has[c] = random() % 3 == 0;
      } else {
        labels.push_back(static_cast<std::int32_t>(random() % o.classes));
        has[static_cast<std::size_t>(labels.back())] = true;
      }
      for (std::size_t c = 0; c < o.classes && o.multi_label; ++c) {
        multi_hot.push_back(has[c] ? 1 : 0);
      }
      float* row = values.data() + row_of[i] * o.dim;
      for (std::size_t j = 0; j < o.dim; ++j) {
        row[j] = normal(random);
        for (std::size_t c = 0; c < o.classes; ++c) row[j] += has[c] ? centres[c * o.dim + j] : 0;
        // Scales and offsets differ by feature, as they do in real ones.
        row[j] = row[j] * (0.5F + static_cast<float>(j % 5)) + static_cast<float>(j % 7) - 3;
      }
    }
    halves.resize(values.size());
    float_to_half(values.data(), halves.data(), values.size());
    train.resize(o.samples);
    std::iota(train.begin(), train.end(), 0U);
  }

  /// Moves the last `count` samples from train to val.
  void hold_out(std::size_t count) {
    val.assign(train.end() - static_cast<std::ptrdiff_t>(count), train.end());
    train.resize(train.size() - count);
  }

  [[nodiscard]] TrainingData data() const {
    const void* bytes = o.dtype == DType::f16 ? static_cast<const void*>(halves.data())
                                              : static_cast<const void*>(values.data());
    return {.features = {bytes, o.dtype, o.samples, o.dim},
            .row_of = row_of,
            .labels = labels,
            .multi_hot = multi_hot,
            .classes = o.classes,
            .train = train,
            .val = val};
  }

  /// Features of some samples, in their order.
  [[nodiscard]] std::vector<float> features_of(const std::vector<std::uint32_t>& samples) const {
    std::vector<float> result;
    for (const std::uint32_t i : samples) {
      const auto row = values.begin() + static_cast<std::ptrdiff_t>(row_of[i] * o.dim);
      result.insert(result.end(), row, row + static_cast<std::ptrdiff_t>(o.dim));
    }
    return result;
  }

  [[nodiscard]] double accuracy(const Head& head, const std::vector<std::uint32_t>& samples) const {
    const auto logits = head.logits(features_of(samples), samples.size());
    std::size_t right = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const auto row = logits.begin() + static_cast<std::ptrdiff_t>(i * o.classes);
      const auto top = std::max_element(row, row + static_cast<std::ptrdiff_t>(o.classes)) - row;
      right += top == labels[samples[i]] ? 1 : 0;
    }
    return static_cast<double>(right) / static_cast<double>(samples.size());
  }

  Options o;
  std::vector<float> values;
  std::vector<std::uint16_t> halves;
  std::vector<std::uint32_t> row_of;
  std::vector<std::int32_t> labels;
  std::vector<std::uint8_t> multi_hot;
  std::vector<std::uint32_t> train, val;
};

}  // namespace caft::test
