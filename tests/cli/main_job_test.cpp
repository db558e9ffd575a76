// The main job through the real binary: cache, train, eval, predict, on a tiny backbone.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "caft/core/file.hpp"
#include "support/caft_program.hpp"

namespace caft::test {
namespace {

class MainJob : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    caft.add_tiny_backbone();
    write_class_folders(data, 3, 40);
  }
  [[nodiscard]] ProgramResult run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--backend", GetParam()});
    return caft.run(arguments);
  }
  CaftProgram caft;
  std::filesystem::path data = caft.folder() / "data";
};

TEST_P(MainJob, CacheTrainEvalPredict) {
  const ProgramResult first = run({"cache", "data", "-b", "tiny", "--json"});
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(first.json().at("samples"), 120);
  EXPECT_EQ(first.json().at("computed"), 120);
  EXPECT_EQ(first.json().at("feature_dim"), 24);
  const ProgramResult second = run({"cache", "data", "-b", "tiny", "--json"});
  EXPECT_EQ(second.json().at("computed"), 0);
  EXPECT_EQ(second.json().at("reused"), 120);
  const std::string folder = first.json().at("cache");
  const ProgramResult verified = caft.run({"cache", "verify", folder, "--json"});
  ASSERT_EQ(verified.exit_code, 0) << verified.err;
  EXPECT_EQ(verified.json().at("rows"), 120);

  const ProgramResult trained = run({"train", "data", "-b", "tiny", "-o", "model", "--json"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  for (const char* key : {"model", "head", "epochs", "seconds", "epoch_ms", "train", "val"}) {
    EXPECT_TRUE(trained.json().contains(key)) << key;
  }
  EXPECT_GE(trained.json().at("val").at("accuracy").get<double>(), 0.9);

  const ProgramResult scored = run({"eval", "model", "data", "--json"});
  ASSERT_EQ(scored.exit_code, 0) << scored.err;
  EXPECT_EQ(scored.json().at("n"), 24);  // a fifth, held out by default
  EXPECT_GE(scored.json().at("accuracy").get<double>(), 0.9);
  EXPECT_EQ(scored.json().at("classes").size(), 3U);
  std::uint64_t counted = 0;
  const nlohmann::json confusion = scored.json().at("confusion");
  for (const auto& row : confusion) {
    for (const auto& cell : row) counted += cell.get<std::uint64_t>();
  }
  EXPECT_EQ(counted, 24U);

  const ProgramResult predicted = run({"predict", "model", "data/noise", "--json", "--top", "2"});
  ASSERT_EQ(predicted.exit_code, 0) << predicted.err;
  ASSERT_EQ(predicted.json().size(), 40U);
  int right = 0;
  for (const auto& line : predicted.json()) {
    ASSERT_EQ(line.at("top").size(), 2U);
    right += line.at("top")[0].at("class") == "noise" ? 1 : 0;
    EXPECT_GE(line.at("top")[0].at("probability"), line.at("top")[1].at("probability"));
  }
  EXPECT_GE(right, 36);
  EXPECT_GT(std::filesystem::file_size(caft.folder() / "model" / "report.html"), 10'000U);
}

TEST_P(MainJob, PredictsSetsAndRejectsWhatIsUnfamiliar) {
  ASSERT_EQ(run({"train", "data", "-b", "tiny", "-o", "model", "--json"}).exit_code, 0);
  const nlohmann::json scored = run({"eval", "model", "data", "--json"}).json();
  ASSERT_EQ(scored.at("sets").size(), 3U);
  EXPECT_LE(scored.at("sets")[0].at("mean_size"), scored.at("sets")[2].at("mean_size"));
  EXPECT_TRUE(scored.contains("error_auroc"));
  const nlohmann::json plain = run({"predict", "model", "data/noise", "--json"}).json();
  EXPECT_FALSE(plain[0].contains("set"));
  const nlohmann::json lines =
      run({"predict", "model", "data/noise", "--json", "--coverage", "0.9", "--reject", "0.5"})
          .json();
  int covered = 0, rejected = 0;
  for (const auto& line : lines) {
    ASSERT_GE(line.at("set").size(), 1U);
    EXPECT_EQ(line.at("set")[0], line.at("top")[0].at("class"));
    for (const auto& name : line.at("set")) covered += name == "noise" ? 1 : 0;
    rejected += line.value("rejected", false) ? 1 : 0;
  }
  EXPECT_GE(covered, 34);
  EXPECT_GT(rejected, 0);
  EXPECT_LT(rejected, 40);
  EXPECT_EQ(run({"predict", "model", "data/noise", "--coverage", "2"}).exit_code, 2);
}

TEST_P(MainJob, PredictAgreesWithEvalSampleBySample) {
  ASSERT_EQ(run({"train", "data", "-b", "tiny", "-o", "model", "--json"}).exit_code, 0);
  const nlohmann::json scored = run({"eval", "model", "data", "--split", "all", "--json"}).json();
  std::map<std::string, std::map<std::string, int>> counts;
  for (const auto& line : run({"predict", "model", "data", "--json"}).json()) {
    const std::string truth =
        std::filesystem::path(line.at("path").get<std::string>()).parent_path().filename();
    ++counts[truth][line.at("top")[0].at("class").get<std::string>()];
  }
  const auto& classes = scored.at("classes");
  for (std::size_t t = 0; t < classes.size(); ++t) {
    for (std::size_t p = 0; p < classes.size(); ++p) {
      EXPECT_EQ(scored.at("confusion")[t][p].get<int>(), counts[classes[t]][classes[p]]);
    }
  }
}

TEST_P(MainJob, EveryFusedHeadLearns) {
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{"--head", "linear", "--optimizer", "adamw", "--lr", "0.05"},
        std::vector<std::string>{"--head", "linear", "--optimizer", "sgd", "--lr", "0.1",
                                 "--balanced"},
        std::vector<std::string>{"--head", "mlp", "--hidden", "32", "--dropout", "0.1",
                                 "--label-smoothing", "0.1"}}) {
    std::vector<std::string> arguments = {"train", "data", "-b", "tiny", "-o", "model", "--json"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const ProgramResult trained = run(arguments);
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
    const ProgramResult scored = run({"eval", "model", "data", "--json"});
    EXPECT_GE(scored.json().at("accuracy").get<double>(), 0.85) << options[1] << options[3];
  }
}

TEST_P(MainJob, BadFilesAreNamedCountedAndBounded) {
  write_file_atomically(data / "blob" / "broken.jpg",
                        std::string_view("\xff\xd8\xff not an image"));
  const ProgramResult strict = run({"cache", "data", "-b", "tiny", "--max-bad", "0"});
  EXPECT_EQ(strict.exit_code, 1);
  EXPECT_NE(strict.err.find("broken.jpg"), std::string::npos) << strict.err;
  const ProgramResult lenient = run({"cache", "data", "-b", "tiny", "--json"});
  ASSERT_EQ(lenient.exit_code, 0) << lenient.err;
  EXPECT_EQ(lenient.json().at("failed"), 1);
  EXPECT_EQ(lenient.json().at("computed"), 0);  // the refused run kept what it had computed
  ASSERT_EQ(run({"train", "data", "-b", "tiny", "-o", "model", "--json"}).exit_code, 0);
  const ProgramResult predicted =
      run({"predict", "model", "data/blob/broken.jpg", "data/blob/0.jpg", "--json"});
  EXPECT_EQ(predicted.exit_code, 1);
  ASSERT_EQ(predicted.json().size(), 2U);
  EXPECT_TRUE(predicted.json()[0].contains("error"));
  EXPECT_TRUE(predicted.json()[1].contains("top"));
}

TEST_P(MainJob, OnlyNewPixelsAreComputed) {
  ASSERT_EQ(run({"cache", "data", "-b", "tiny", "--json"}).json().at("computed"), 120);
  std::filesystem::rename(data / "blob" / "0.jpg", data / "blob" / "renamed.jpg");
  std::filesystem::copy_file(data / "blob" / "1.jpg", data / "noise" / "copy.jpg");
  EXPECT_EQ(run({"cache", "data", "-b", "tiny", "--json"}).json().at("computed"), 0);
  // An edit is seen even when the time stamp is put back.
  const auto edited = data / "blob" / "2.jpg";
  const auto stamp = std::filesystem::last_write_time(edited);
  std::filesystem::copy_file(data / "stripes" / "2.jpg", data / "other.jpg");
  std::vector<std::byte> bytes = read_file(data / "other.jpg");
  std::filesystem::remove(data / "other.jpg");
  bytes.push_back(std::byte{0});
  write_file_atomically(edited, bytes);
  std::filesystem::last_write_time(edited, stamp);
  EXPECT_EQ(run({"cache", "data", "-b", "tiny", "--json"}).json().at("computed"), 1);
}

TEST_P(MainJob, ModelRefusesAnotherBackbone) {
  ASSERT_EQ(run({"train", "data", "-b", "tiny", "-o", "model", "--json"}).exit_code, 0);
  const std::string make = std::string(CAFT_PYTHON) + " " + CAFT_SOURCE_DIR +
                           "/tests/support/make_tiny_backbone.py '" +
                           caft.folder().path().string() + "' 1";
  ASSERT_EQ(std::system(make.c_str()), 0);
  ASSERT_EQ(caft.run({"zoo", "add", "tiny.onnx", "--card", "tiny-card.json", "--force"}).exit_code,
            0);
  const ProgramResult result = run({"predict", "model", "data/blob"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("is not the one that this model was trained on"), std::string::npos)
      << result.err;
}

TEST_P(MainJob, EvalRefusesAClassThatTheModelLacks) {
  ASSERT_EQ(run({"train", "data", "-b", "tiny", "-o", "model", "--json"}).exit_code, 0);
  std::filesystem::create_directories(caft.folder() / "other");
  std::filesystem::copy(data / "noise", caft.folder() / "other" / "static");
  const ProgramResult result = run({"eval", "model", "other"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("\"static\""), std::string::npos) << result.err;
}

TEST_P(MainJob, ConfigFileAndCsv) {
  std::ofstream(caft.folder() / "caft.toml")
      << "[train]\nbackbone = \"tiny\"\nout = \"from-config\"\nhead = \"mlp\"\nepochs = 3\n";
  const ProgramResult trained = run({"train", "data", "--config", "caft.toml", "--json"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_EQ(trained.json().at("model"), "from-config");
  EXPECT_EQ(trained.json().at("head"), "mlp");
  EXPECT_EQ(trained.json().at("epochs"), 3);
  const ProgramResult csv = run({"predict", "from-config", "data/blob/1.jpg", "--csv"});
  ASSERT_EQ(csv.exit_code, 0) << csv.err;
  EXPECT_TRUE(csv.out.starts_with("path,rank,class,probability,error\ndata/blob/1.jpg,1,"))
      << csv.out;
}

INSTANTIATE_TEST_SUITE_P(Backends, MainJob, testing::Values("reference", "openvino"),
                         [](const auto& backend) { return std::string(backend.param); });

TEST(MultiLabel, TrainsAndScoresFromCsv) {
  const CaftProgram caft;
  caft.add_tiny_backbone();
  write_class_folders(caft.folder() / "images", 3, 40);
  std::ofstream csv(caft.folder() / "labels.csv");
  csv << "path,label,split\n";
  for (int i = 0; i < 40; ++i) {
    const std::string split = i < 30 ? "train" : "test";
    csv << "images/blob/" << i << ".jpg,round," << split << "\n";
    csv << "images/stripes/" << i << ".jpg,lined|regular," << split << "\n";
    csv << "images/noise/" << i << ".jpg,," << split << "\n";
  }
  csv.close();
  const ProgramResult trained =
      caft.run({"train", "labels.csv", "-b", "tiny", "-o", "model", "--json"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const ProgramResult scored = caft.run({"eval", "model", "labels.csv", "--json"});
  ASSERT_EQ(scored.exit_code, 0) << scored.err;
  EXPECT_EQ(scored.json().at("n"), 30);
  EXPECT_GE(scored.json().at("accuracy").get<double>(), 0.8);
  const ProgramResult predicted = caft.run({"predict", "model", "images/stripes/35.jpg", "--json"});
  double total = 0;
  const nlohmann::json top = predicted.json()[0].at("top");
  for (const auto& p : top) total += p.at("probability").get<double>();
  EXPECT_GT(total, 1.2);  // two labels at once: sigmoid, not softmax
}

}  // namespace
}  // namespace caft::test
