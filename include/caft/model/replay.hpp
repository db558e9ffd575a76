// Whether an exported file says what the model said.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "caft/engine/engine.hpp"

namespace caft {

/// Two sets of probabilities of the same images, compared by what they decide.
struct ReplayResult {
  std::size_t decisions = 0;  ///< images (multi-label: labels of images)
  std::size_t counted = 0;    ///< those that were not close in the reference
  std::size_t agreeing = 0;   ///< of the counted ones
  double max_difference = 0;  ///< of a probability, over all
  [[nodiscard]] double agreement() const {
    return counted == 0 ? 1 : static_cast<double>(agreeing) / static_cast<double>(counted);
  }
};

/// A decision is close when the reference's two best probabilities differ by at most this
/// (multi-label: when one is within half of it of 0.5).
inline constexpr double close_decision = 0.02;

/// Compares `replayed` with `reference`, both [rows, classes]. A value that is not finite agrees
/// with nothing.
ReplayResult compare_replay(std::span<const float> reference, std::span<const float> replayed,
                            std::size_t classes, bool multi_label);

/// The least agreement() of a file that is to be written: 0.999 in fp32, 0.995 in fp16, 0.97 in
/// bf16 and int8.
double replay_threshold(Precision precision);

}  // namespace caft
