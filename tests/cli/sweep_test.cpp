// caft sweep through the real binary, on a tiny backbone.
#include <gtest/gtest.h>

#include <fstream>

#include "caft/core/file.hpp"
#include "support/caft_program.hpp"

namespace caft::test {
namespace {

class SweepVerb : public testing::Test {
 protected:
  void SetUp() override {
    caft.add_tiny_backbone();
    write_class_folders(caft.folder() / "data", 3, 30);
  }
  [[nodiscard]] ProgramResult sweep(std::vector<std::string> more) const {
    std::vector<std::string> arguments{"sweep", "data", "-b", "tiny", "--backend", "reference"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return caft.run(arguments);
  }
  CaftProgram caft;
};

TEST_F(SweepVerb, ScoresHeadsAndSavesTheBest) {
  const ProgramResult result = sweep({"--json",
                                      "--optimizer",
                                      "lbfgs,adamw",
                                      "--l2",
                                      "0.1,0.01",
                                      "--lr",
                                      "0.01",
                                      "--weight-decay",
                                      "0",
                                      "--label-smoothing",
                                      "0,0.1",
                                      "--class-weights",
                                      "none,balanced",
                                      "--folds",
                                      "3",
                                      "--repeats",
                                      "2",
                                      "--epochs",
                                      "5",
                                      "-o",
                                      "model"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json json = result.json();
  EXPECT_EQ(json.at("combinations"), 4 * 2 + 4);
  EXPECT_EQ(json.at("heads"), 12 * 6);
  EXPECT_EQ(json.at("folds"), 3);
  EXPECT_EQ(json.at("samples"), 72);  // a fifth is held out for caft eval
  const nlohmann::json& best = json.at("best");
  EXPECT_GE(best.at("mean").get<double>(), 0.85);
  EXPECT_LE(best.at("ci95")[0], best.at("mean"));
  EXPECT_GE(best.at("ci95")[1], best.at("mean"));
  EXPECT_EQ(best.at("accuracy").size(), 6U);
  EXPECT_EQ(json.at("table").size(), 12U);

  const ProgramResult scored =
      caft.run({"eval", "model", "data", "--json", "--backend", "reference"});
  ASSERT_EQ(scored.exit_code, 0) << scored.err;
  EXPECT_EQ(scored.json().at("n"), 18);
  EXPECT_GE(scored.json().at("accuracy").get<double>(), 0.8);
  EXPECT_NE(read_text(caft.folder() / "model" / "report.html").find("\"sweep\":"),
            std::string::npos);
}

TEST_F(SweepVerb, ContinuesAJournalThatWasCutShort) {
  const std::vector<std::string> options{"--json", "--l2", "1,0.1,0.01", "--journal", "scores"};
  const ProgramResult whole = sweep(options);
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  const std::string text = read_text(caft.folder() / "scores");
  std::ofstream(caft.folder() / "scores") << text.substr(0, text.size() * 2 / 3);
  const ProgramResult rest = sweep(options);
  ASSERT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_GT(rest.json().at("resumed"), 0);
  EXPECT_LT(rest.json().at("resumed"), 15);
  EXPECT_EQ(rest.json().at("best"), whole.json().at("best"));
}

TEST_F(SweepVerb, LeavesNoJournalBehindAndPrintsATable) {
  const ProgramResult result = sweep({"--l2-count", "4"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("20 heads (4 combinations, 5 folds, 1 repeat)"), std::string::npos)
      << result.out;
  EXPECT_EQ(
      std::distance(std::filesystem::directory_iterator(caft.folder() / "home" / "sweeps"), {}), 0);
  EXPECT_EQ(sweep({"--folds", "1"}).exit_code, 2);
}

TEST_F(SweepVerb, CurveRisesAndEndsInASentence) {
  const ProgramResult result = caft.run({"curve", "data", "-b", "tiny", "--backend", "reference",
                                         "--json", "--repeats", "2", "--per-class", "2,8,19"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json json = result.json();
  ASSERT_EQ(json.at("curve").size(), 3U);
  EXPECT_EQ(json.at("curve")[1].at("per_class"), 8);
  EXPECT_EQ(json.at("curve")[1].at("images"), 24);
  EXPECT_EQ(json.at("curve")[1].at("accuracy").size(), 2U);
  EXPECT_LE(json.at("curve")[0].at("mean"), json.at("curve")[2].at("mean"));
  EXPECT_NE(json.at("sentence").get<std::string>().find("Twice the labels"), std::string::npos);
}

TEST_F(SweepVerb, SearchPrefersTheBackboneThatTellsTheClassesApart) {
  const std::vector<std::string> search{"search",      "data",    "--backend", "reference",
                                        "--backbones", "tiny",    "--json",    "--measure",
                                        "0.1",         "--folds", "3"};
  const ProgramResult one = caft.run(search);
  ASSERT_EQ(one.exit_code, 0) << one.err;
  const nlohmann::json json = one.json();
  ASSERT_EQ(json.at("backbones").size(), 1U);
  for (const char* key :
       {"backbone", "accuracy", "ci95", "images_per_second", "latency_ms", "size_mb", "pareto"}) {
    EXPECT_TRUE(json.at("backbones")[0].contains(key)) << key;
  }
  EXPECT_GT(json.at("backbones")[0].at("accuracy").get<double>(), 0.8);
  EXPECT_EQ(json.at("recommended"), "tiny");
  std::vector<std::string> wrong = search;
  wrong.insert(wrong.end(), {"--budget", "soon"});
  EXPECT_EQ(caft.run(wrong).exit_code, 2);
}

}  // namespace
}  // namespace caft::test
