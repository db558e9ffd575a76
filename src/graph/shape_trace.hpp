// The shapes of a graph's tensors at several batch sizes, and what the batch does to them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace caft {

/// What shape inference finds out about a graph whose inputs have fixed sizes but for the batch.
struct ShapeTrace {
  static constexpr std::array<std::int64_t, 3> batches{2, 3, 5};
  /// A list of integers at each of `batches`.
  using Samples = std::array<std::vector<std::int64_t>, batches.size()>;

  struct Tensor {
    Samples shape;
    Samples integers;  ///< values of integers that depend on shapes alone; else empty
  };
  std::unordered_map<std::string, Tensor> tensors;  ///< by name, constants included

  /// nullptr where the trace does not know the name.
  [[nodiscard]] const Tensor* find(const std::string& name) const {
    const auto found = tensors.find(name);
    return found == tensors.end() ? nullptr : &found->second;
  }
};

/// Numbers that follow the batch: value[i] = per_image[i] * batch + constant[i].
struct BatchLaw {
  std::vector<std::int64_t> per_image, constant;
};

/// The law behind `samples`; nothing where there is none: lengths that differ, or numbers that do
/// not grow in proportion.
inline std::optional<BatchLaw> batch_law(const ShapeTrace::Samples& samples) {
  constexpr auto batches = ShapeTrace::batches;
  BatchLaw law;
  for (std::size_t i = 0; i < samples[0].size(); ++i) {
    if (samples[1].size() != samples[0].size()) return std::nullopt;
    law.per_image.push_back((samples[1][i] - samples[0][i]) / (batches[1] - batches[0]));
    law.constant.push_back(samples[0][i] - law.per_image[i] * batches[0]);
  }
  for (std::size_t b = 1; b < batches.size(); ++b) {
    if (samples[b].size() != samples[0].size()) return std::nullopt;
    for (std::size_t i = 0; i < samples[b].size(); ++i) {
      if (samples[b][i] != law.per_image[i] * batches[b] + law.constant[i]) return std::nullopt;
    }
  }
  return law;
}

}  // namespace caft
