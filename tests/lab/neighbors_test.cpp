#include "caft/lab/neighbors.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "caft/core/error.hpp"

namespace caft::lab {
namespace {

/// Rows of small whole numbers, so that many distances are equal, or of noise.
std::vector<float> make_values(std::size_t rows, std::size_t dim, bool whole, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(rows * dim);
  for (float& value : values) value = whole ? static_cast<float>(random() % 3) : normal(random);
  return values;
}

FeatureRows rows_of(const std::vector<float>& values, std::size_t dim, bool unit = false) {
  std::vector<std::uint32_t> all(values.size() / dim);
  std::iota(all.begin(), all.end(), 0U);
  return {{values.data(), DType::f32, all.size(), dim}, all, unit};
}

/// Every distance in double, sorted.
std::vector<Neighbor> brute_force(const std::vector<float>& queries, const std::vector<float>& rows,
                                  std::size_t dim, std::size_t k, bool same) {
  std::vector<Neighbor> result;
  for (std::size_t i = 0; i * dim < queries.size(); ++i) {
    std::vector<Neighbor> all;
    for (std::size_t j = 0; j * dim < rows.size(); ++j) {
      if (same && i == j) continue;
      double distance = 0;
      for (std::size_t d = 0; d < dim; ++d) {
        const double difference = static_cast<double>(queries[i * dim + d]) - rows[j * dim + d];
        distance += difference * difference;
      }
      all.push_back({static_cast<std::uint32_t>(j), distance});
    }
    std::ranges::stable_sort(all, {}, &Neighbor::distance);
    result.insert(result.end(), all.begin(), all.begin() + static_cast<std::ptrdiff_t>(k));
  }
  return result;
}

void expect_equal(const std::vector<Neighbor>& ours, const std::vector<Neighbor>& theirs) {
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    ASSERT_EQ(ours[i].row, theirs[i].row) << i;
    ASSERT_NEAR(ours[i].distance, theirs[i].distance, 1e-9 * (1 + theirs[i].distance));
  }
}

TEST(Neighbors, AreThoseOfBruteForce) {
  for (const bool whole : {false, true}) {
    for (const std::size_t dim : {1U, 17U, 96U}) {
      const auto values = make_values(700, dim, whole, 5);
      const auto queries = make_values(150, dim, whole, 6);
      for (const std::size_t k : {1U, 10U}) {
        const FeatureRows rows = rows_of(values, dim);
        expect_equal(nearest_neighbors(rows, k, 3), brute_force(values, values, dim, k, true));
        expect_equal(nearest_neighbors(rows_of(queries, dim), rows, k, 2),
                     brute_force(queries, values, dim, k, false));
      }
    }
  }
}

// A large common offset costs the products nearly all of their digits.
TEST(Neighbors, AreExactWhereFloatProductsAreNot) {
  constexpr std::size_t kDim = 24;
  auto values = make_values(300, kDim, false, 9);
  for (float& value : values) value = 1000 + 0.01F * value;
  expect_equal(nearest_neighbors(rows_of(values, kDim), 5),
               brute_force(values, values, kDim, 5, true));
}

TEST(Neighbors, OfUnitRowsAreByCosine) {
  const std::vector<float> values{1, 0, 10, 1, 0, 5, -3, 0, 0, 0};
  const auto found = nearest_neighbors(rows_of(values, 2, true), 4);
  EXPECT_EQ(found[0].row, 1U);  // of (1, 0): (10, 1)
  EXPECT_NEAR(found[0].distance / 2, 1 - 10 / std::sqrt(101.0), 1e-6);
  EXPECT_EQ(found[3].row, 3U);  // the opposite direction is the farthest
  EXPECT_NEAR(found[3].distance / 2, 2, 1e-6);
}

TEST(Neighbors, FewRowsGiveWhatThereIs) {
  EXPECT_TRUE(nearest_neighbors(rows_of({1, 2, 3}, 3), 4).empty());
  EXPECT_EQ(nearest_neighbors(rows_of({1, 2, 3, 4}, 2), 4).size(), 2U);
  EXPECT_THROW(nearest_neighbors(rows_of({1, 2}, 2), rows_of({1, 2, 3}, 3), 1), Error);
}

}  // namespace
}  // namespace caft::lab
