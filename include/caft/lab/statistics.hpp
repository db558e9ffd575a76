// Means with honest intervals.
#pragma once

#include <span>

namespace caft::lab {

/// The t for which a Student-t variable of `freedom` degrees lies below it with probability `p`, in
/// (0, 1). Error below 1e-9 for freedom >= 1.
double student_t_quantile(double p, double freedom);

/// Mean, sample standard deviation (n - 1) and 95 % interval of scores. One value: no spread, and
/// an interval that is the value.
struct Spread {
  double mean = 0, std = 0, low = 0, high = 0;
};

/// Independent values: the t interval, mean +- t s / sqrt(n).
Spread spread_of(std::span<const double> values);

/// Scores of (repeated) k-fold cross-validation. Folds share training samples, so their scores are
/// not independent and s / sqrt(n) is too small: the interval is the corrected resampled t of
/// Nadeau & Bengio (2003), mean +- t s sqrt(1/n + n_test/n_train), with n_test/n_train = 1/(k - 1).
Spread spread_of_folds(std::span<const double> values, int folds);

/// Area under the ROC curve: the probability that a positive's score lies above a negative's, ties
/// counting half (scikit-learn's roc_auc_score). 0.5 when either side is empty.
double area_under_roc(std::span<const double> positives, std::span<const double> negatives);

}  // namespace caft::lab
