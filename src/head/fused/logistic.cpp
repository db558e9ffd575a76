#include "head/fused/logistic.hpp"

#include <algorithm>

namespace caft::fused {
namespace {

/// Rows of a block: about 2 MB of features, which the cores' L2 caches hold together.
std::size_t block_rows(std::size_t stride) {
  return std::clamp<std::size_t>((std::size_t{1} << 19) / stride, 32, 256);
}

}  // namespace

LogisticStack::LogisticStack(const StandardizedFeatures& features, const Loss& loss,
                             std::size_t classes, std::span<const std::uint32_t> samples,
                             std::span<const int> fold_of, std::vector<int> left_out,
                             std::size_t history, ThreadTeam& team)
    : features_(&features),
      loss_(&loss),
      team_(&team),
      kernels_(&kernels()),
      classes_(classes),
      stride_(features.stride()),
      block_(block_rows(stride_)),
      samples_(samples),
      fold_of_(fold_of),
      left_out_(std::move(left_out)),
      weight_sum_(left_out_.size(), 0.0),
      mask_(classes * stride_, 0.0F),
      input_(block_ * stride_),
      stack_(left_out_.size() * classes * stride_),
      gradient_(left_out_.size() * classes * stride_),
      delta_(block_ * output_stride(left_out_.size() * classes)),
      row_loss_(block_ * left_out_.size()),
      total_loss_(left_out_.size()) {
  for (std::size_t c = 0; c < classes; ++c) {
    std::fill_n(mask_.begin() + static_cast<std::ptrdiff_t>(c * stride_), features.dim(), 1.0F);
  }
  solvers_.reserve(left_out_.size());
  for (std::size_t p = 0; p < left_out_.size(); ++p) {
    solvers_.emplace_back(classes * stride_, history);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (sees(p, i)) weight_sum_[p] += loss.weight(samples[i]);
    }
  }
}

std::size_t LogisticStack::bytes(std::size_t stride, std::size_t classes, std::size_t problems,
                                 std::size_t history) {
  // A solver keeps four vectors and two for each pair; the stack and its gradient are two more.
  return problems * classes * stride * sizeof(float) * (2 * history + 6);
}

void LogisticStack::set_lambda(double lambda, const Lbfgs::Limits& limits) {
  for (Lbfgs& solver : solvers_) {
    solver.add_quadratic(lambda - lambda_, mask_);
    solver.set_limits(limits);
  }
  lambda_ = lambda;
}

void LogisticStack::start_at(std::size_t problem, std::span<const float> weight) {
  solvers_[problem].start_at(weight);
}

void LogisticStack::minimise(const std::function<void()>& after) {
  for (;;) {
    std::vector<std::size_t> active;
    for (std::size_t p = 0; p < solvers_.size(); ++p) {
      if (!solvers_[p].done()) active.push_back(p);
    }
    if (active.empty()) return;
    evaluate(active);
    if (after) after();
  }
}

void LogisticStack::evaluate(const std::vector<std::size_t>& active) {
  const std::size_t size = classes_ * stride_;
  const std::size_t columns = active.size() * classes_;
  std::ranges::fill(total_loss_, 0.0);
  team_->run([&](int thread) {
    const auto [first, last] = team_->share(active.size(), thread);
    for (std::size_t a = first; a < last; ++a) {
      std::ranges::copy(solvers_[active[a]].trial(), stack_.data() + a * size);
      std::fill_n(gradient_.data() + a * size, size, 0.0F);
    }
    team_->barrier();
    for (std::size_t start = 0; start < samples_.size(); start += block_) {
      const std::size_t count = std::min(block_, samples_.size() - start);
      rows(active, start, count, thread);
      team_->barrier();
      slices(columns, count, thread);
      if (thread == 0) sum_losses(active, count);
      team_->barrier();
    }
    for (std::size_t a = first; a < last; ++a) conclude(active[a], gradient_.data() + a * size);
  });
}

// Forward: this thread's rows of a block, to the losses and their gradients by the logits.
void LogisticStack::rows(const std::vector<std::size_t>& active, std::size_t start,
                         std::size_t count, int thread) {
  const auto [first, last] = team_->share(count, thread);
  if (first == last) return;
  const std::size_t columns = active.size() * classes_;
  const std::size_t ld = output_stride(columns);
  for (std::size_t r = first; r < last; ++r) {
    features_->load(samples_[start + r], input_.data() + r * stride_);
  }
  kernels_->dot(last - first, columns, stride_, input_.data() + first * stride_, stride_,
                stack_.data(), stride_, nullptr, delta_.data() + first * ld, ld);
  for (std::size_t r = first; r < last; ++r) {
    for (std::size_t a = 0; a < active.size(); ++a) {
      float* logits = delta_.data() + r * ld + a * classes_;
      double& loss = row_loss_[r * active.size() + a];
      if (sees(active[a], start + r)) {
        loss = loss_->backward(samples_[start + r], logits, 1);
      } else {
        loss = 0;
        std::fill_n(logits, classes_, 0.0F);
      }
    }
  }
}

// Backward: this thread's features of the gradient, over all rows of the block.
void LogisticStack::slices(std::size_t columns, std::size_t count, int thread) {
  constexpr std::size_t kSlice = 4 * kLine, kRows = 64;  // 16 KB of inputs: half of an L1 cache
  const std::size_t ld = output_stride(columns);
  const auto [first, last] = team_->share((stride_ + kSlice - 1) / kSlice, thread);
  for (std::size_t slice = first; slice < last; ++slice) {
    const std::size_t at = slice * kSlice, width = std::min(kSlice, stride_ - at);
    for (std::size_t row = 0; row < count; row += kRows) {
      kernels_->outer(columns, width, std::min(kRows, count - row), delta_.data() + row * ld, ld, 1,
                      input_.data() + row * stride_ + at, stride_, gradient_.data() + at, stride_,
                      true);
    }
  }
}

void LogisticStack::sum_losses(const std::vector<std::size_t>& active, std::size_t count) {
  for (std::size_t r = 0; r < count; ++r) {
    for (std::size_t a = 0; a < active.size(); ++a) {
      total_loss_[active[a]] += row_loss_[r * active.size() + a];
    }
  }
}

void LogisticStack::conclude(std::size_t problem, float* gradient) {
  Lbfgs& solver = solvers_[problem];
  const std::span<const float> trial = solver.trial();
  const auto scale = static_cast<float>(1 / weight_sum_[problem]);
  const auto lambda = static_cast<float>(lambda_);
  double norm = 0;
  for (std::size_t c = 0; c < classes_; ++c) {
    const float* row = trial.data() + c * stride_;
    norm += kernels_->inner(row, row, features_->dim());
  }
  for (std::size_t i = 0; i < trial.size(); ++i) {
    gradient[i] = gradient[i] * scale + lambda * mask_[i] * trial[i];
  }
  const double value = total_loss_[problem] / weight_sum_[problem] + lambda_ / 2 * norm;
  solver.tell(value, {gradient, trial.size()});
}

std::vector<float> LogisticStack::left_out_logits() const {
  std::vector<std::vector<std::uint32_t>> unseen(size());
  std::vector<std::vector<std::size_t>> places(size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    for (std::size_t p = 0; p < size(); ++p) {
      if (sees(p, i)) continue;
      unseen[p].push_back(samples_[i]);
      places[p].push_back(count++);
    }
  }
  // With one problem the places are in order already, and logits of a large set are not held twice.
  if (size() == 1) return predict(*features_, solvers_[0].point(), classes_, unseen[0], *team_);
  std::vector<float> result(count * classes_);
  for (std::size_t p = 0; p < size(); ++p) {
    const auto logits = predict(*features_, solvers_[p].point(), classes_, unseen[p], *team_);
    for (std::size_t i = 0; i < places[p].size(); ++i) {
      std::copy_n(logits.begin() + static_cast<std::ptrdiff_t>(i * classes_), classes_,
                  result.begin() + static_cast<std::ptrdiff_t>(places[p][i] * classes_));
    }
  }
  return result;
}

std::vector<float> predict(const StandardizedFeatures& features, std::span<const float> weight,
                           std::size_t outputs, std::span<const std::uint32_t> samples,
                           ThreadTeam& team) {
  const std::size_t stride = features.stride();
  std::vector<float> logits(samples.size() * outputs);
  team.run([&](int thread) {
    constexpr std::size_t kRows = 32;
    const auto [first, last] = team.share(samples.size(), thread);
    if (first == last) return;
    Buffer input(kRows * stride);
    for (std::size_t start = first; start < last; start += kRows) {
      const std::size_t count = std::min(kRows, last - start);
      for (std::size_t r = 0; r < count; ++r) {
        features.load(samples[start + r], input.data() + r * stride);
      }
      kernels().dot(count, outputs, stride, input.data(), stride, weight.data(), stride, nullptr,
                    logits.data() + start * outputs, outputs);
    }
  });
  return logits;
}

}  // namespace caft::fused
