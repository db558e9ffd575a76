// How far an engine's outputs are from a reference's.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "caft/engine/engine.hpp"

namespace caft {

/// What two sets of output rows have in common. Differences and cosines leave rows with NaN or
/// infinities out of max_abs and mean_abs, and count them with a cosine of -1.
struct Agreement {
  std::size_t rows = 0;
  double max_abs = 0, mean_abs = 0;  ///< of the differences
  double scale = 0;                  ///< root mean square of the reference
  /// After subtracting the reference's mean row (two rows or more): what all rows share would hide
  /// a difference.
  double cosine_min = 1, cosine_mean = 1;
  double top1_agreement = 1;     ///< share of the rows; see Top1
  std::size_t nan = 0, inf = 0;  ///< values in the engine's outputs
  /// Values beyond atol + rtol * |reference|; 0 where neither was asked for.
  std::size_t beyond_tolerance = 0;
};

/// When two rows say the same: the same largest value (classes), or the engine's row is nearest, by
/// cosine, to its own row of the reference (features).
enum class Top1 { largest, nearest };

struct Tolerance {
  double atol = 0, rtol = 0;
};

/// Compares `actual` with `expected`, both [rows, size]. Nearest rows take rows² · size operations,
/// on every core.
Agreement compare_outputs(std::span<const float> actual, std::span<const float> expected,
                          std::size_t rows, Top1 top1,
                          const std::optional<Tolerance>& tolerance = std::nullopt);

/// What an engine must reach.
struct AgreementThresholds {
  double cosine = 0;  ///< of cosine_min
  double top1 = 0;    ///< of top1_agreement
  std::optional<Tolerance> tolerance;
};

/// By precision, on real images: fp32 0.9999, fp16 0.999, bf16 0.99, int8 0.95; 99.5 % of the rows
/// for fp32 and fp16.
AgreementThresholds default_thresholds(Precision precision);

/// Whether the outputs are finite and every threshold is reached.
bool passes(const Agreement& agreement, const AgreementThresholds& thresholds);

}  // namespace caft
