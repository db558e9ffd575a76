// Accuracy against the number of labelled images, and what more of them would buy.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "caft/core/progress.hpp"
#include "caft/head/trainer.hpp"
#include "caft/lab/statistics.hpp"

namespace caft::lab {

struct CurveOptions {
  std::vector<int> per_class;  ///< images a class; empty: doublings from 5 up to what there is
  int repeats = 5;             ///< random draws, each with a held-out fifth of its own
  std::uint64_t seed = 0;
  int threads = 0;
};

struct CurvePoint {
  int per_class = 0;             ///< images asked for a class; a class that has fewer gives all
  std::size_t images = 0;        ///< mean number of training images that this made
  std::vector<double> accuracy;  ///< of each repeat, on its held-out images
  Spread spread;                 ///< of the accuracies: spread_of_folds with five folds
};

/// error(n) = scale * n^-decay + floor for n training images.
struct PowerLaw {
  double scale = 0, decay = 0, floor = 0;
  [[nodiscard]] double accuracy(double images) const;
};

/// Least squares over (images, error), by the logarithm of the error above each of a grid of floors
/// from 0 to below the least error; decay is not negative. Needs three different sizes, else it is
/// a constant.
PowerLaw fit_power_law(std::span<const double> images, std::span<const double> errors);

struct Extrapolation {
  double factor = 0;  ///< times the training images of the largest point
  double images = 0, accuracy = 0, low = 0, high = 0;  ///< 95 %: of bootstrapped repeats
};

struct Curve {
  std::vector<CurvePoint> points;  ///< by size
  PowerLaw law;
  std::vector<Extrapolation> ahead;  ///< at 2 and 4 times the images
  std::string sentence;              ///< what more labels would buy
  double seconds = 0;
};

/// Draws stratified subsets of `data.train`, fits a linear head to each (L-BFGS, lambda by
/// cross-validation inside the subset), scores it on images that no subset of its repeat holds, and
/// extrapolates (Hestness et al. 2017: errors fall as power laws). Single-label sets only. Throws
/// Error(usage) when no size fits, and as HeadTrainer.
Curve learning_curve(const TrainingData& data, const CurveOptions& options = {},
                     ProgressSink* progress = nullptr);

}  // namespace caft::lab
