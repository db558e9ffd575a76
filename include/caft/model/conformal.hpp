// What samples that a head had not seen tell about new ones: prediction sets, and when to refuse.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <nlohmann/json.hpp>

namespace caft {

/// The energy score of logits (Liu et al. 2020, with T = 1): their log-sum-exp. It falls for inputs
/// unlike those that the head was trained on.
double energy_of(std::span<const float> logits);

/// Order statistics of the calibration samples' scores; at most 1,000 of each are kept, of more
/// samples every n/1000-th, each standing for those below it, so that what follows from them errs
/// on the safe side.
class ConformalScores {
 public:
  ConformalScores() = default;
  /// From logits [n, classes] of samples that the head (or its fold) had not seen, and their
  /// labels. Probabilities are taken at `temperature`.
  ConformalScores(std::span<const float> logits, std::span<const std::int32_t> labels,
                  std::size_t classes, double temperature);

  [[nodiscard]] std::size_t samples() const { return samples_; }
  [[nodiscard]] bool empty() const { return samples_ == 0; }

  /// The least probability with which a class belongs to a prediction set, so that sets hold the
  /// truth with probability `coverage` at least (split conformal prediction with the score 1 - p of
  /// the true class: Sadinle, Lei & Wasserman 2019). 0, every class, where there are too few
  /// samples to promise so much. Calibration scores from cross-validation make the promise
  /// approximate: the head that predicts has seen all folds.
  [[nodiscard]] double least_probability(double coverage) const;

  /// The energy below which `share` of images like the calibration samples lie.
  [[nodiscard]] double least_energy(double share) const;

  [[nodiscard]] nlohmann::json to_json() const;
  /// Throws nlohmann's exceptions on fields of a wrong type, Error(bad_input) on scores that are
  /// not sorted.
  static ConformalScores from_json(const nlohmann::json& json);

 private:
  std::size_t samples_ = 0;
  std::vector<double> nonconformity_;  ///< ascending: 1 - probability of the truth
  std::vector<double> energy_;         ///< ascending
};

/// Classes whose probability is `least` at least, most probable first; the most probable one
/// always.
std::vector<std::int32_t> prediction_set(std::span<const float> probabilities, double least);

}  // namespace caft
