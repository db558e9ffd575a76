// The loop audit, relabel, train through the real binary, on a tiny backbone.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "caft/core/file.hpp"
#include "support/caft_program.hpp"

namespace caft::test {
namespace {

namespace fs = std::filesystem;

class AuditVerb : public testing::Test {
 protected:
  void SetUp() override {
    caft.add_tiny_backbone();
    write_class_folders(data, 3, 40);
  }
  [[nodiscard]] ProgramResult run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"-b", "tiny", "--backend", "reference"});
    return caft.run(arguments);
  }
  /// Moves images of one class into another's folder.
  std::set<std::string> mislabel(int count) const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(data / "noise")) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    std::set<std::string> names;
    for (int i = 0; i < count; ++i) {
      const fs::path& file = files[static_cast<std::size_t>(i * 7)];
      const std::string name = "moved-" + file.filename().string();
      fs::rename(file, data / "stripes" / name);
      names.insert("data/stripes/" + name);
    }
    return names;
  }
  CaftProgram caft;
  fs::path data = caft.folder() / "data";
};

TEST_F(AuditVerb, FindsWrongLabelsAndDuplicatesAndRelabelMendsThem) {
  const std::set<std::string> moved = mislabel(5);
  std::string some;
  for (const auto& entry : fs::directory_iterator(data / "stripes")) {
    if (!entry.path().filename().string().starts_with("moved")) some = entry.path().string();
  }
  fs::copy(some, data / "stripes" / "zz-copy.jpg");
  const ProgramResult audited =
      run({"audit", "data", "--json", "--out", "found.jsonl", "--html", "audit.html"});
  ASSERT_EQ(audited.exit_code, 0) << audited.err;
  const nlohmann::json json = audited.json();
  EXPECT_EQ(json.at("samples"), 121);
  EXPECT_EQ(json.at("counts").at("exact_duplicate"), 1);
  EXPECT_EQ(json.at("counts").at("leakage"), 0);
  std::size_t hits = 0;
  for (const auto& line : json.at("findings")) {
    for (const char* key : {"path", "kind", "score", "label", "suggested"}) {
      ASSERT_TRUE(line.contains(key)) << key;
    }
    if (line.at("kind") == "label_error" && moved.contains(line.at("path"))) {
      hits += line.at("suggested") == "noise" ? 1 : 0;
    }
  }
  EXPECT_GE(hits, 4U);
  EXPECT_NE(read_text(caft.folder() / "audit.html").find("zz-copy.jpg"), std::string::npos);

  const ProgramResult applied = caft.run({"relabel", "data", "found.jsonl", "--json"});
  ASSERT_EQ(applied.exit_code, 0) << applied.err;
  EXPECT_GE(applied.json().at("relabelled").get<int>(), 4);
  EXPECT_GE(applied.json().at("dropped").get<int>(), 1);
  EXPECT_TRUE(fs::exists(data / "stripes" / "zz-copy.jpg"));  // no image is touched
  const std::string manifest = applied.json().at("manifest");
  const ProgramResult again = run({"audit", manifest, "--json"});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(again.json().at("counts").at("exact_duplicate"), 0);
  EXPECT_GT(again.json().at("out_of_fold_accuracy"), json.at("out_of_fold_accuracy"));
  // The folder itself is what it was, with the manifest in it.
  EXPECT_EQ(run({"audit", "data", "--json"}).json().at("samples"), 121);
}

TEST_F(AuditVerb, RankingListsEveryImageAndJsonlPrintsLines) {
  const ProgramResult ranked = run({"audit", "data", "--jsonl", "--ranking"});
  ASSERT_EQ(ranked.exit_code, 0) << ranked.err;
  std::istringstream lines(ranked.out);
  std::string line;
  std::size_t labels = 0;
  double before = 1;
  while (std::getline(lines, line)) {
    const nlohmann::json json = nlohmann::json::parse(line);
    if (!json.at("kind").get<std::string>().starts_with("label")) continue;
    EXPECT_LE(json.at("score").get<double>(), before);
    before = json.at("score");
    ++labels;
  }
  EXPECT_EQ(labels, 120U);
}

TEST_F(AuditVerb, RelabelRefusesWhatDoesNotFit) {
  const auto refuses = [&](const std::string& line, int code, const std::string& why) {
    std::ofstream(caft.folder() / "found.jsonl") << line;
    const ProgramResult result = caft.run({"relabel", "data", "found.jsonl"});
    EXPECT_EQ(result.exit_code, code) << line;
    EXPECT_NE(result.err.find(why), std::string::npos) << result.err;
  };
  const std::string name =
      "data/noise/" + fs::directory_iterator(data / "noise")->path().filename().string();
  refuses(R"({"path": "data/noise/none.jpg", "label": "noise"})", 1, "is not in the data set");
  refuses(R"({"path": ")" + name + R"(", "label": "stripes"})", 1, "is labelled noise");
  refuses("[1]", 1, "found.jsonl:1");
  std::ofstream(caft.folder() / "found.jsonl")
      << R"({"path": ")" + name + R"(", "label": "noise", "suggested": "stripes"})";
  fs::create_directory(caft.folder() / "elsewhere");
  EXPECT_EQ(caft.run({"relabel", "data", "found.jsonl", "--out", "elsewhere/new.jsonl"}).exit_code,
            2);
  EXPECT_EQ(caft.run({"relabel", "data", "found.jsonl", "--out", "new.jsonl"}).exit_code, 0);
}

}  // namespace
}  // namespace caft::test
