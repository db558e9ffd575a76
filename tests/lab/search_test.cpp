#include "caft/lab/search.hpp"

#include <gtest/gtest.h>

namespace caft::lab {
namespace {

Contender contender(const char* name, double accuracy, double speed, double latency, double size) {
  return {
      .backbone = name,
      .accuracy = {.mean = accuracy, .std = 0.01, .low = accuracy - 0.02, .high = accuracy + 0.02},
      .images_per_second = speed,
      .latency_ms = latency,
      .size_mb = size};
}

TEST(Search, ParetoFrontHoldsWhatNothingBeatsInEverything) {
  std::vector<Contender> all{contender("small", 0.80, 500, 2, 5),
                             contender("large", 0.90, 50, 20, 100),
                             contender("slow", 0.80, 400, 2, 5), contender("twin", 0.80, 500, 2, 5),
                             contender("bulky", 0.85, 450, 3, 200)};
  mark_pareto(all);
  EXPECT_TRUE(all[0].pareto);
  EXPECT_TRUE(all[1].pareto);
  EXPECT_FALSE(all[2].pareto);  // as good as small, but slower
  EXPECT_TRUE(all[3].pareto);   // equal to small: neither beats the other
  EXPECT_TRUE(all[4].pareto);   // between the two in accuracy and speed
}

TEST(Search, SpeedDecidesBetweenWhatTheDataCannotTellApart) {
  const Recommendation close =
      recommend({contender("large", 0.90, 50, 20, 100), contender("mid", 0.885, 150, 8, 20),
                 contender("small", 0.80, 500, 2, 5)});
  EXPECT_EQ(close.backbone, "mid");
  EXPECT_NE(close.sentence.find("3.0 times as fast as large"), std::string::npos) << close.sentence;
  const Recommendation clear =
      recommend({contender("small", 0.80, 500, 2, 5), contender("large", 0.90, 50, 20, 100)});
  EXPECT_EQ(clear.backbone, "large");
  EXPECT_NE(clear.sentence.find("most accurate"), std::string::npos);
  EXPECT_EQ(recommend({contender("only", 0.5, 1, 1, 1)}).backbone, "only");
}

}  // namespace
}  // namespace caft::lab
