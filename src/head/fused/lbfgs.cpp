#include "head/fused/lbfgs.hpp"

#include <algorithm>
#include <cmath>

namespace caft::fused {

Lbfgs::Lbfgs(std::size_t size, std::size_t history)
    : history_(history),
      kernels_(&kernels()),
      point_(size),
      gradient_(size),
      direction_(size),
      trial_(size) {}

void Lbfgs::start_at(std::span<const float> point) {
  std::ranges::copy(point, point_.data());
  std::ranges::copy(point, trial_.data());
  pairs_.clear();
  known_ = false;
  state_ = State::start;
}

void Lbfgs::set_limits(const Limits& limits) {
  limits_ = limits;
  iterations_ = evaluations_ = 0;
  if (known_) begin_iteration();
}

double Lbfgs::gradient_norm() const {
  float most = 0;
  for (const float g : gradient_.span()) most = std::max(most, std::abs(g));
  return most;
}

void Lbfgs::add_quadratic(double delta, std::span<const float> mask) {
  if (!known_) return;
  const auto factor = static_cast<float>(delta);
  double norm = 0;
  float* gradient = gradient_.data();
  const float* point = point_.data();
  for (std::size_t i = 0; i < point_.size(); ++i) {
    const float masked = mask[i] * point[i];
    gradient[i] += factor * masked;
    norm += static_cast<double>(masked) * point[i];
  }
  value_ += delta / 2 * norm;
  for (Pair& pair : pairs_) {
    float* change = pair.change.data();
    const float* step = pair.step.data();
    for (std::size_t i = 0; i < point_.size(); ++i) change[i] += factor * mask[i] * step[i];
    pair.curvature = kernels_->inner(step, change, point_.size());
  }
  std::erase_if(pairs_, [](const Pair& pair) { return pair.curvature <= 0; });
}

void Lbfgs::tell(double value, std::span<const float> gradient) {
  ++evaluations_;
  if (state_ == State::start) {
    value_ = value;
    std::ranges::copy(gradient, gradient_.data());
    known_ = true;
    begin_iteration();
    return;
  }
  const double slope = kernels_->inner(gradient.data(), direction_.data(), direction_.size());
  switch (search_.tell(value, slope)) {
    case LineSearch::Answer::more:
      ask(search_.step());
      return;
    case LineSearch::Answer::accept:
      accept(value, gradient);
      return;
    case LineSearch::Answer::fail:
      // A poor model of the curvature is dropped once; from the bare gradient, what is left to gain
      // lies below the arithmetic's precision.
      if (pairs_.empty()) {
        state_ = State::done;
      } else {
        pairs_.clear();
        begin_iteration();
      }
  }
}

void Lbfgs::accept(double value, std::span<const float> gradient) {
  remember(gradient);
  std::swap(point_, trial_);
  std::ranges::copy(gradient, gradient_.data());
  value_ = value;
  ++iterations_;
  begin_iteration();
}

void Lbfgs::remember(std::span<const float> gradient) {
  const std::size_t n = point_.size();
  Pair pair;
  if (pairs_.size() == history_) {  // its memory is used again
    pair = std::move(pairs_.front());
    pairs_.pop_front();
  } else {
    pair = {Buffer(n), Buffer(n), 0};
  }
  float* step = pair.step.data();
  float* change = pair.change.data();
  for (std::size_t i = 0; i < n; ++i) {
    step[i] = trial_.data()[i] - point_.data()[i];
    change[i] = gradient[i] - gradient_.data()[i];
  }
  pair.curvature = kernels_->inner(step, change, n);
  const double norm = kernels_->inner(change, change, n);
  if (pair.curvature > 1e-10 * norm) pairs_.push_back(std::move(pair));
}

void Lbfgs::begin_iteration() {
  if (converged() || iterations_ >= limits_.iterations) {
    state_ = State::done;
    return;
  }
  choose_direction();
  const std::size_t n = point_.size();
  double slope = kernels_->inner(gradient_.data(), direction_.data(), n);
  if (!(slope < 0)) {
    pairs_.clear();
    choose_direction();
    slope = kernels_->inner(gradient_.data(), direction_.data(), n);
  }
  // Without a history the gradient has no scale: a first step of length 1 at most.
  search_.begin(value_, slope, pairs_.empty() ? std::min(1.0, 1 / std::sqrt(-slope)) : 1.0);
  state_ = State::search;
  ask(search_.step());
}

void Lbfgs::choose_direction() {
  const std::size_t n = point_.size();
  float* direction = direction_.data();
  for (std::size_t i = 0; i < n; ++i) direction[i] = -gradient_.data()[i];
  if (pairs_.empty()) return;
  std::vector<double> factors(pairs_.size());
  for (std::size_t k = pairs_.size(); k-- > 0;) {
    const Pair& pair = pairs_[k];
    factors[k] = kernels_->inner(pair.step.data(), direction, n) / pair.curvature;
    kernels_->add_scaled(static_cast<float>(-factors[k]), pair.change.data(), n, direction);
  }
  const Pair& last = pairs_.back();
  const auto scale = static_cast<float>(last.curvature /
                                        kernels_->inner(last.change.data(), last.change.data(), n));
  for (std::size_t i = 0; i < n; ++i) direction[i] *= scale;
  for (std::size_t k = 0; k < pairs_.size(); ++k) {
    const Pair& pair = pairs_[k];
    const double back = kernels_->inner(pair.change.data(), direction, n) / pair.curvature;
    kernels_->add_scaled(static_cast<float>(factors[k] - back), pair.step.data(), n, direction);
  }
}

void Lbfgs::ask(double step) {
  std::ranges::copy(point_.span(), trial_.data());
  kernels_->add_scaled(static_cast<float>(step), direction_.data(), point_.size(), trial_.data());
}

}  // namespace caft::fused
