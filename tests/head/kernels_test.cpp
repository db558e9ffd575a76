// Every instruction set that this CPU runs, against plain arithmetic in double.
#include "head/fused/kernels.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "caft/core/dtype.hpp"

namespace caft::fused {
namespace {

class KernelsTest : public testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& k() const { return *GetParam(); }

  std::vector<float> numbers(std::size_t count) {
    std::vector<float> values(count);
    for (float& value : values) value = normal_(random_);
    return values;
  }

  std::mt19937 random_{7};
  std::normal_distribution<float> normal_;
};

TEST_P(KernelsTest, DotMultipliesRowsByRows) {
  for (const std::size_t depth : {1, 7, 16, 33, 100}) {
    for (const std::size_t m : {1, 2, 3, 4, 5, 9}) {
      for (const std::size_t n : {1, 2, 3, 4, 5, 6, 7, 13}) {
        const std::size_t ldx = depth + 3, ldw = depth + 1, ldo = n + 2;
        const auto x = numbers(m * ldx), w = numbers(n * ldw), bias = numbers(n);
        std::vector<float> out(m * ldo, -77);
        k().dot(m, n, depth, x.data(), ldx, w.data(), ldw, bias.data(), out.data(), ldo);
        for (std::size_t r = 0; r < m; ++r) {
          for (std::size_t c = 0; c < n; ++c) {
            double expected = bias[c];
            for (std::size_t i = 0; i < depth; ++i) {
              expected += static_cast<double>(x[r * ldx + i]) * w[c * ldw + i];
            }
            ASSERT_NEAR(out[r * ldo + c], expected, 2e-5) << m << "x" << n << "x" << depth;
          }
          for (std::size_t c = n; c < ldo; ++c) ASSERT_EQ(out[r * ldo + c], -77);
        }
      }
    }
  }
}

TEST_P(KernelsTest, OuterSumsOverRowsWithAnyStrides) {
  for (const bool transposed : {false, true}) {
    for (const bool accumulate : {false, true}) {
      for (const std::size_t m : {1, 2, 5, 6, 7, 13}) {
        for (const std::size_t n : {1, 8, 16, 17, 48, 64, 85}) {
          const std::size_t depth = 11, ldb = n + 5, ldo = n + 3;
          const std::size_t a_k = transposed ? 1 : m, a_i = transposed ? depth : 1;
          const auto a = numbers(m * depth), b = numbers(depth * ldb), before = numbers(m * ldo);
          auto out = before;
          k().outer(m, n, depth, a.data(), a_k, a_i, b.data(), ldb, out.data(), ldo, accumulate);
          for (std::size_t i = 0; i < m; ++i) {
            for (std::size_t j = 0; j < ldo; ++j) {
              double expected = accumulate || j >= n ? before[i * ldo + j] : 0;
              for (std::size_t s = 0; s < depth && j < n; ++s) {
                expected += static_cast<double>(a[s * a_k + i * a_i]) * b[s * ldb + j];
              }
              ASSERT_NEAR(out[i * ldo + j], expected, 2e-5) << m << "x" << n;
            }
          }
        }
      }
    }
  }
}

TEST_P(KernelsTest, SplittingTheWorkChangesNoBit) {
  const std::size_t m = 23, n = 19, depth = 130;
  const auto x = numbers(m * depth), w = numbers(n * depth);
  std::vector<float> whole(m * n), parts(m * n);
  k().dot(m, n, depth, x.data(), depth, w.data(), depth, nullptr, whole.data(), n);
  for (std::size_t r = 0; r < m; ++r) {
    k().dot(1, 8, depth, &x[r * depth], depth, w.data(), depth, nullptr, &parts[r * n], n);
    k().dot(1, n - 8, depth, &x[r * depth], depth, &w[8 * depth], depth, nullptr, &parts[r * n + 8],
            n);
  }
  EXPECT_EQ(whole, parts);
  std::vector<float> sum(m * n), slices(m * n);
  k().outer(m, n, 16, x.data(), m, 1, w.data(), n, sum.data(), n, false);
  k().outer(7, n, 16, x.data(), m, 1, w.data(), n, slices.data(), n, false);
  k().outer(m - 7, n, 16, x.data() + 7, m, 1, w.data(), n, slices.data() + 7 * n, n, false);
  EXPECT_EQ(sum, slices);
}

TEST_P(KernelsTest, StandardizesFloatsAndHalves) {
  const std::size_t n = 37;
  const auto row = numbers(n), mean = numbers(n), scale = numbers(n);
  std::vector<std::uint16_t> halves(n);
  float_to_half(row.data(), halves.data(), n);
  std::vector<float> out(n), out16(n);
  k().standardize_f32(row.data(), n, mean.data(), scale.data(), out.data());
  k().standardize_f16(halves.data(), n, mean.data(), scale.data(), out16.data());
  for (std::size_t i = 0; i < n; ++i) {
    EXPECT_NEAR(out[i], (row[i] - mean[i]) * scale[i], 1e-6);
    EXPECT_NEAR(out16[i], (half_to_float(halves[i]) - mean[i]) * scale[i], 1e-6);
  }
}

TEST_P(KernelsTest, SoftmaxIsStableAndReturnsTheLogSum) {
  for (const std::size_t n : {1, 2, 15, 16, 101}) {
    for (const float shift : {0.0F, 1000.0F, -1000.0F}) {
      auto row = numbers(n);
      for (float& value : row) value = 8 * value + shift;
      const auto logits = row;
      double sum = 0;
      for (const float z : logits) sum += std::exp(static_cast<double>(z) - logits[0]);
      const float log_sum = k().softmax(row.data(), n);
      EXPECT_NEAR(log_sum, logits[0] + std::log(sum), 1e-6 * std::abs(log_sum) + 1e-5);
      for (std::size_t i = 0; i < n; ++i) {
        const double expected = std::exp(static_cast<double>(logits[i]) - logits[0]) / sum;
        EXPECT_NEAR(row[i], expected, 5e-6 * expected + 1e-30) << n << " " << i;
      }
    }
  }
}

TEST_P(KernelsTest, SumsInDouble) {
  for (const std::size_t n : {1, 15, 16, 1000}) {
    const auto a = numbers(n), b = numbers(n);
    double expected = 0;
    std::vector<double> sum(n, 1), squares(n, 2);
    k().add_moments(a.data(), n, sum.data(), squares.data());
    auto scaled = b;
    k().add_scaled(0.5F, a.data(), n, scaled.data());
    for (std::size_t i = 0; i < n; ++i) {
      expected += static_cast<double>(a[i]) * b[i];
      EXPECT_DOUBLE_EQ(sum[i], 1 + static_cast<double>(a[i]));
      EXPECT_DOUBLE_EQ(squares[i], 2 + static_cast<double>(a[i]) * a[i]);
      EXPECT_FLOAT_EQ(scaled[i], b[i] + 0.5F * a[i]);
    }
    EXPECT_NEAR(k().inner(a.data(), b.data(), n), expected, 1e-10);
  }
}

TEST_P(KernelsTest, DropoutKeepsTheMeanAndIsPlayedBack) {
  const std::size_t n = 20000;
  std::vector<float> row(n, 1.0F), again(n, 1.0F), other(n, 1.0F), grad(n, 3.0F);
  row[5] = again[5] = -1;
  const std::uint32_t threshold = 1U << 30;  // a quarter is dropped
  k().relu_dropout(row.data(), n, 99, threshold, 4.0F / 3);
  k().relu_dropout(again.data(), n, 99, threshold, 4.0F / 3);
  k().relu_dropout(other.data(), n, 12345, threshold, 4.0F / 3);
  EXPECT_EQ(row, again);
  EXPECT_NE(row, other);
  EXPECT_EQ(row[5], 0);
  double sum = 0;
  for (const float value : row) sum += value;
  EXPECT_NEAR(sum / n, 1, 0.02);
  k().relu_dropout_backward(grad.data(), row.data(), n, 4.0F / 3);
  for (std::size_t i = 0; i < n; ++i) ASSERT_FLOAT_EQ(grad[i], row[i] > 0 ? 4 : 0);
}

TEST_P(KernelsTest, OptimisersFollowTheirFormulas) {
  const std::size_t n = 21;
  const auto weight = numbers(n), grad = numbers(n), mean = numbers(n);
  auto squares = numbers(n);
  for (float& value : squares) value = std::abs(value);
  auto w = weight, m = mean, v = squares;
  const AdamWStep step{.decay = 0.99F,
                       .step = 0.02F,
                       .inv_sqrt_bias2 = 3,
                       .one_minus_beta1 = 0.1F,
                       .beta2 = 0.999F,
                       .epsilon = 1e-8F};
  k().adamw(w.data(), grad.data(), m.data(), v.data(), n, step);
  auto u = weight, velocity = mean;
  k().sgd(u.data(), grad.data(), velocity.data(), n,
          {.learning_rate = 0.1F, .momentum = 0.9F, .weight_decay = 0.01F});
  for (std::size_t i = 0; i < n; ++i) {
    const double first = 0.9 * mean[i] + 0.1 * grad[i];
    const double second = 0.999 * squares[i] + 0.001 * grad[i] * grad[i];
    EXPECT_NEAR(m[i], first, 1e-6);
    EXPECT_NEAR(v[i], second, 1e-6);
    EXPECT_NEAR(w[i], weight[i] * 0.99 - 0.02 * first / (std::sqrt(second) * 3 + 1e-8), 2e-5);
    const double speed = 0.9 * mean[i] + grad[i] + 0.01 * weight[i];
    EXPECT_NEAR(velocity[i], speed, 1e-6);
    EXPECT_NEAR(u[i], weight[i] - 0.1 * speed, 1e-6);
  }
}

std::vector<const Kernels*> all_kernels() {
  std::size_t count = 0;
  const Kernels* const* sets = runnable_kernels(count);
  return {sets, sets + count};
}

INSTANTIATE_TEST_SUITE_P(Sets, KernelsTest, testing::ValuesIn(all_kernels()),
                         [](const auto& set) { return std::string(set.param->name); });

}  // namespace
}  // namespace caft::fused
