#include "head/fused/lbfgs.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace caft::fused {
namespace {

using Function = std::function<double(std::span<const float>, std::span<float>)>;

void minimise(Lbfgs& solver, const Function& function) {
  std::vector<float> gradient(solver.trial().size());
  for (int i = 0; i < 5000 && !solver.done(); ++i) {
    const double value = function(solver.trial(), gradient);
    solver.tell(value, gradient);
  }
  ASSERT_TRUE(solver.done());
}

double rosenbrock(std::span<const float> x, std::span<float> gradient) {
  const double a = 1.0 - x[0], b = x[1] - static_cast<double>(x[0]) * x[0];
  gradient[0] = static_cast<float>(-2 * a - 400 * b * x[0]);
  gradient[1] = static_cast<float>(200 * b);
  return a * a + 100 * b * b;
}

/// sum_i scale_i (x_i - i)^2 / 2 with scales from 1 to 1000.
double bowl(std::span<const float> x, std::span<float> gradient) {
  double value = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double scale =
        std::pow(1000.0, static_cast<double>(i) / static_cast<double>(x.size() - 1));
    const double off = x[i] - static_cast<double>(i);
    value += scale * off * off / 2;
    gradient[i] = static_cast<float>(scale * off);
  }
  return value;
}

TEST(Lbfgs, FollowsABentValley) {
  Lbfgs solver(2, 10);
  solver.set_limits({.tolerance = 1e-4, .iterations = 500});
  solver.start_at(std::vector<float>{-1.2F, 1});
  minimise(solver, rosenbrock);
  EXPECT_TRUE(solver.converged());
  EXPECT_NEAR(solver.point()[0], 1, 1e-3);
  EXPECT_NEAR(solver.point()[1], 1, 1e-3);
  EXPECT_LT(solver.iterations(), 100);
}

TEST(Lbfgs, SolvesAnIllConditionedBowl) {
  Lbfgs solver(50, 10);
  solver.set_limits({.tolerance = 1e-2, .iterations = 500});
  minimise(solver, bowl);
  EXPECT_TRUE(solver.converged());
  for (std::size_t i = 0; i < 50; ++i) {
    EXPECT_NEAR(solver.point()[i], static_cast<double>(i), 1e-2);
  }
}

TEST(Lbfgs, TakesOnAQuadraticTermWithoutAnEvaluation) {
  const std::vector<float> mask{1, 1, 0, 1};  // the third coordinate is not regularised
  const auto penalised = [&](std::span<const float> x, std::span<float> gradient) {
    double value = bowl(x, gradient);
    for (std::size_t i = 0; i < 4; ++i) {
      value += 5.0 / 2 * mask[i] * x[i] * x[i];
      gradient[i] += 5 * mask[i] * x[i];
    }
    return value;
  };
  Lbfgs solver(4, 10);
  solver.set_limits({.tolerance = 1e-3, .iterations = 500});
  minimise(solver, bowl);
  solver.add_quadratic(5, mask);
  std::vector<float> gradient(4);
  EXPECT_NEAR(solver.value(), penalised(solver.point(), gradient), 1e-3);
  float most = 0;
  for (const float g : gradient) most = std::max(most, std::abs(g));
  EXPECT_NEAR(solver.gradient_norm(), most, 1e-3);
  solver.set_limits({.tolerance = 1e-3, .iterations = 500});
  minimise(solver, penalised);
  EXPECT_TRUE(solver.converged());
  for (std::size_t i = 0; i < 4; ++i) {
    const double scale = std::pow(10.0, static_cast<double>(i));
    EXPECT_NEAR(solver.point()[i], static_cast<double>(i) * scale / (scale + 5 * mask[i]), 1e-3);
  }
}

TEST(Lbfgs, EndsWhereNothingImproves) {
  // The gradient lies about the function, so that no step satisfies a line search.
  Lbfgs solver(3, 10);
  solver.set_limits({.tolerance = 1e-9, .iterations = 50});
  minimise(solver, [](std::span<const float> x, std::span<float> gradient) {
    for (float& g : gradient) g = -1;
    return static_cast<double>(x[0]) + x[1] + x[2];
  });
  EXPECT_FALSE(solver.converged());
}

}  // namespace
}  // namespace caft::fused
