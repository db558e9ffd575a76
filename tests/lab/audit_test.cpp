#include "caft/lab/audit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "caft/core/error.hpp"
#include "caft/lab/out_of_fold.hpp"
#include "head/blobs.hpp"
#include "head/fused/problem.hpp"

namespace caft::lab {
namespace {

/// Blobs with things wrong on purpose.
class AuditTest : public testing::Test {
 protected:
  AuditTest() : blobs({.samples = 400, .dim = 40, .classes = 4, .spread = 0.8}) {
    for (std::size_t i = 0; i < 400; ++i) {
      keys.push_back({});
      keys[i].bytes[0] = static_cast<std::uint8_t>(i);
      keys[i].bytes[1] = static_cast<std::uint8_t>(i >> 8);
      splits.push_back(i < 300 ? Split::train : Split::test);
    }
  }
  float* row(std::size_t sample) { return blobs.values.data() + blobs.row_of[sample] * 40; }
  [[nodiscard]] Audit run() const { return audit(blobs.data(), keys, splits); }
  static std::vector<Finding> of(const Audit& found, FindingKind kind) {
    std::vector<Finding> result;
    std::ranges::copy_if(found.findings, std::back_inserter(result),
                         [kind](const Finding& f) { return f.kind == kind; });
    return result;
  }
  test::Blobs blobs;
  std::vector<SampleKey> keys;
  std::vector<Split> splits;
};

TEST_F(AuditTest, FindsLabelsThatWereFlipped) {
  std::set<std::size_t> flipped;
  for (std::size_t i = 3; i < 400; i += 20) {
    blobs.labels[i] = (blobs.labels[i] + 1) % 4;
    flipped.insert(i);
  }
  const Audit found = run();
  std::size_t hits = 0;
  for (std::size_t k = 0; k < flipped.size(); ++k) hits += flipped.count(found.ranking[k]);
  EXPECT_GE(hits, flipped.size() * 8 / 10);
  const auto errors = of(found, FindingKind::label_error);
  std::size_t right = 0;
  for (const Finding& f : errors) {
    right +=
        flipped.count(f.sample) != 0 && f.suggested == (blobs.labels[f.sample] + 3) % 4 ? 1 : 0;
  }
  EXPECT_GE(right, flipped.size() * 8 / 10);
  EXPECT_TRUE(std::ranges::is_sorted(errors, std::greater(), &Finding::score));
}

TEST_F(AuditTest, TellsDuplicatesFromLeakage) {
  keys[7] = keys[3];     // the same file, twice in train
  keys[350] = keys[10];  // and in test
  const auto copy = [&](std::size_t from, std::size_t to, float change) {
    for (int d = 0; d < 40; ++d) row(to)[d] = row(from)[d] + change * static_cast<float>(d % 3);
  };
  copy(3, 7, 0);
  copy(10, 350, 0);
  copy(20, 25, 0.01F);   // nearly the same in train
  copy(30, 390, 0.01F);  // and in test
  const Audit found = run();
  const auto exact = of(found, FindingKind::exact_duplicate);
  ASSERT_EQ(exact.size(), 1U);
  EXPECT_EQ(exact[0].sample, 7U);
  EXPECT_EQ(exact[0].other, 3);
  const auto near = of(found, FindingKind::near_duplicate);
  ASSERT_EQ(near.size(), 1U);
  EXPECT_EQ(near[0].sample, 25U);
  EXPECT_EQ(near[0].other, 20);
  const auto leaks = of(found, FindingKind::leakage);
  ASSERT_EQ(leaks.size(), 2U);
  EXPECT_EQ(leaks[0].sample, 350U);  // the surer one: equal bytes
  EXPECT_EQ(leaks[0].score, 1);
  EXPECT_EQ(leaks[1].sample, 390U);
  EXPECT_EQ(leaks[1].other, 30);
}

TEST_F(AuditTest, FindsWhatIsUnlikeEverythingElse) {
  EXPECT_TRUE(of(run(), FindingKind::outlier).empty());
  // Cosine distance sees directions: features that no other image has.
  for (int d = 0; d < 40; ++d) row(200)[d] = d % 2 == 0 ? 500.0F : -500.0F;
  const auto outliers = of(run(), FindingKind::outlier);
  ASSERT_EQ(outliers.size(), 1U);
  EXPECT_EQ(outliers[0].sample, 200U);
}

TEST(OutOfFold, HasNotSeenItsSampleAndSaysSoWhenItGuesses) {
  const test::Blobs coin({.samples = 120, .dim = 200, .classes = 2, .spread = 0});
  const OutOfFold out = out_of_fold(coin.data(), {});
  EXPECT_GT(out.accuracy, 0.3);
  EXPECT_LT(out.accuracy, 0.7);
  EXPECT_EQ(out.logits.size(), 240U);
  const test::Blobs blobs({.samples = 300, .dim = 30, .classes = 3, .spread = 0.5});
  const OutOfFold good = out_of_fold(blobs.data(), {.folds = 4});
  EXPECT_EQ(*std::ranges::max_element(good.fold_of), 3);
  const auto score = fused::score(blobs.data(), blobs.train, good.logits);
  EXPECT_EQ(score.accuracy, good.accuracy);
  EXPECT_GT(good.accuracy, 0.8);
  EXPECT_THROW(out_of_fold(blobs.data(), {.folds = 1}), Error);
}

}  // namespace
}  // namespace caft::lab
