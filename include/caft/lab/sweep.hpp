// Hundreds of linear heads over the same cached features, scored by repeated cross-validation.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "caft/core/progress.hpp"
#include "caft/head/trainer.hpp"
#include "caft/lab/statistics.hpp"

namespace caft::lab {

/// What is tried: every combination that an optimiser heeds.
struct SweepGrid {
  std::vector<Optimizer> optimizers{Optimizer::lbfgs};
  std::vector<double> l2;  ///< lbfgs: lambdas; empty: `path(20)`
  std::vector<double> learning_rates{3e-4, 1e-3, 3e-3, 1e-2};  ///< adamw, sgd
  std::vector<double> weight_decays{0, 1e-4, 1e-2};            ///< adamw, sgd
  std::vector<double> label_smoothings{0};
  std::vector<bool> balanced{false};  ///< class weights: see TrainConfig::balanced
  int folds = 5;
  int repeats = 1;  ///< cross-validations, each with a seed of its own
  /// Epochs, batch, schedule, momentum, patience, seed and threads; the rest is ignored. With
  /// patience a tenth of each fold's training samples decides when a head stops, never the samples
  /// that score it.
  TrainConfig shared;
};

/// `count` lambdas evenly spaced in their logarithms, from 10 down to 1e-4.
std::vector<double> path(std::size_t count);

/// One combination and how it did.
struct SweepHead {
  TrainConfig config;            ///< ready for fit_model; lbfgs: l2 holds the one lambda
  std::vector<double> accuracy;  ///< of each seed's each fold, seed by seed
  Spread spread;                 ///< of the accuracies: spread_of_folds
  double loss = 0;               ///< mean cross-entropy on the samples that were left out
  double epochs = 0;             ///< mean, of the weights that were scored; lbfgs: 0
  [[nodiscard]] bool diverged() const { return accuracy.empty(); }
};

struct SweepResult {
  std::vector<SweepHead> heads;  ///< best mean accuracy first, then least loss; diverged ones last
  std::size_t trained = 0;       ///< heads in all: combinations times folds times repeats
  std::size_t resumed = 0;       ///< of them, those whose scores a journal already held
  int folds = 0, repeats = 0;
  double seconds = 0;
};

/// Scores every combination on `data.train` (which `data.val` must not be part of: it is ignored).
/// Heads over the same rows are trained together: mini-batch heads in stacks that fit a core's
/// cache, one matrix product a step for a whole stack; L-BFGS solves all folds side by side and
/// walks down the lambdas, each warm from the one before. Standardisation uses the features, never
/// the labels, of all training samples.
///
/// With a `journal` (a file; its folder is made), scores are appended as they are known, and a
/// sweep of the same data and grid takes them from there. Throws Error(mismatch) when the file is
/// another sweep's, and what training throws.
SweepResult sweep(const TrainingData& data, const SweepGrid& grid, ProgressSink* progress = nullptr,
                  const std::filesystem::path& journal = {});

/// A name for the journal of this data and grid: 32 hexadecimal digits.
std::string sweep_id(const TrainingData& data, const SweepGrid& grid);

/// {optimizer, l2 | learning_rate + weight_decay, label_smoothing, balanced, mean, std, ci95:
/// [low, high], loss, epochs, accuracy: […]}; diverged: {…, "diverged": true}.
nlohmann::json to_json(const SweepHead& head);

}  // namespace caft::lab
