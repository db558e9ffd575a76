// `caft cache repair` and then `caft cache`: what was lost is computed, and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/caft_program.hpp"

namespace caft::test {
namespace {

using ::testing::HasSubstr;

std::vector<std::filesystem::path> shards_in(const std::filesystem::path& cache) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(cache / "shards"))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

TEST(RepairVerb, TheNextRunComputesTheLostRowsOnly) {
  const CaftProgram caft;
  caft.add_tiny_backbone();
  write_class_folders(caft.folder() / "data", 3, 20);
  const std::vector<std::string> cache_again{"cache",       "data",      "-b",      "tiny",
                                             "--backend",   "reference", "--cache", "c",
                                             "--shard-mib", "0.0007",    "--json"};
  ASSERT_EQ(caft.run(cache_again).exit_code, 0);
  const std::filesystem::path cache = caft.folder() / "c";
  const std::vector<std::filesystem::path> shards = shards_in(cache);
  ASSERT_GE(shards.size(), 3u);
  const auto middle = static_cast<std::streamoff>(std::filesystem::file_size(shards[0]) - 1);
  std::fstream(shards[0], std::ios::binary | std::ios::in | std::ios::out)
      .seekp(middle)
      .put('\x7f');
  std::filesystem::remove(shards[1]);

  const ProgramResult verify = caft.run({"cache", "verify", "c"});
  EXPECT_EQ(verify.exit_code, 1);
  EXPECT_THAT(verify.err, HasSubstr("caft cache repair"));
  const ProgramResult refused = caft.run(cache_again);
  EXPECT_EQ(refused.exit_code, 1) << "a damaged cache is not added to";
  EXPECT_THAT(refused.err, HasSubstr("caft cache repair"));

  const ProgramResult repair = caft.run({"cache", "repair", "c", "--json"});
  ASSERT_EQ(repair.exit_code, 0) << repair.err;
  const nlohmann::json report = repair.json();
  EXPECT_EQ(report["quarantined"].size(), 1u);
  EXPECT_EQ(report["missing"].size(), 1u);
  EXPECT_GT(report["rows_gone"], 0);
  EXPECT_EQ(report["rows_gone"].get<int>() + report["rows_kept"].get<int>(), 60);
  const nlohmann::json again = caft.run(cache_again).json();
  EXPECT_EQ(again["computed"], report["rows_gone"]);
  EXPECT_EQ(again["reused"], report["rows_kept"]);
  EXPECT_EQ(caft.run({"cache", "verify", "c"}).exit_code, 0);
}

}  // namespace
}  // namespace caft::test
