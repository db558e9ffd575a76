#include "caft/model/conformal.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "caft/core/error.hpp"
#include "caft/head/metrics.hpp"

namespace caft {
namespace {

constexpr std::size_t kKept = 1000;

/// Rank (from 1) of the k-th of `kept` order statistics among `samples`.
std::size_t rank_of(std::size_t k, std::size_t kept, std::size_t samples) {
  return (samples * (k + 1) + kept - 1) / kept;
}

std::vector<double> thin(std::vector<double> values) {
  std::ranges::sort(values);
  if (values.size() <= kKept) return values;
  std::vector<double> kept;
  for (std::size_t k = 0; k < kKept; ++k) {
    kept.push_back(values[rank_of(k, kKept, values.size()) - 1]);
  }
  return kept;
}

}  // namespace

double energy_of(std::span<const float> logits) {
  const double top = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float z : logits) sum += std::exp(z - top);
  return top + std::log(sum);
}

ConformalScores::ConformalScores(std::span<const float> logits,
                                 std::span<const std::int32_t> labels, std::size_t classes,
                                 double temperature)
    : samples_(labels.size()) {
  std::vector<float> probabilities(logits.begin(), logits.end());
  if (!labels.empty()) softmax_rows(probabilities, classes, temperature);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    nonconformity_.push_back(1.0 -
                             probabilities[i * classes + static_cast<std::size_t>(labels[i])]);
    energy_.push_back(energy_of(logits.subspan(i * classes, classes)));
  }
  nonconformity_ = thin(std::move(nonconformity_));
  energy_ = thin(std::move(energy_));
}

double ConformalScores::least_probability(double coverage) const {
  const auto wanted =
      static_cast<std::size_t>(std::ceil(coverage * static_cast<double>(samples_ + 1) - 1e-9));
  for (std::size_t k = 0; k < nonconformity_.size(); ++k) {
    if (rank_of(k, nonconformity_.size(), samples_) >= wanted) return 1 - nonconformity_[k];
  }
  return 0;
}

double ConformalScores::least_energy(double share) const {
  const auto below = static_cast<std::size_t>(share * static_cast<double>(energy_.size()));
  if (energy_.empty() || below == 0) return -std::numeric_limits<double>::infinity();
  return energy_[std::min(below, energy_.size() - 1)];
}

nlohmann::json ConformalScores::to_json() const {
  return {{"samples", samples_}, {"nonconformity", nonconformity_}, {"energy", energy_}};
}

ConformalScores ConformalScores::from_json(const nlohmann::json& json) {
  ConformalScores calibration;
  calibration.samples_ = json.at("samples").get<std::size_t>();
  calibration.nonconformity_ = json.at("nonconformity").get<std::vector<double>>();
  calibration.energy_ = json.at("energy").get<std::vector<double>>();
  const std::size_t kept = std::min(calibration.samples_, kKept);
  if (calibration.nonconformity_.size() != kept || calibration.energy_.size() != kept ||
      !std::ranges::is_sorted(calibration.nonconformity_) ||
      !std::ranges::is_sorted(calibration.energy_)) {
    throw Error(ErrorKind::bad_input, "the model's calibration scores are damaged",
                "train the model again");
  }
  return calibration;
}

std::vector<std::int32_t> prediction_set(std::span<const float> probabilities, double least) {
  std::vector<std::int32_t> order(probabilities.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::ranges::greater{}, [&](std::int32_t c) {
    return probabilities[static_cast<std::size_t>(c)];
  });
  std::size_t count = 1;
  while (count < order.size() && probabilities[static_cast<std::size_t>(order[count])] >= least) {
    ++count;
  }
  order.resize(count);
  return order;
}

}  // namespace caft
