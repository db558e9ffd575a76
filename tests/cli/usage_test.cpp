// Wrong usage: one line on stderr, nothing on stdout, exit code 2.
#include <gtest/gtest.h>

#include "support/caft_program.hpp"

namespace caft::test {
namespace {

class Usage : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(Usage, IsRefusedInOneLine) {
  const CaftProgram caft;
  const ProgramResult result = caft.run(GetParam());
  EXPECT_EQ(result.exit_code, 2) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_TRUE(result.err.starts_with("error: ")) << result.err;
  EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Usage,
    testing::Values(std::vector<std::string>{}, std::vector<std::string>{"trian"},
                    std::vector<std::string>{"train"}, std::vector<std::string>{"cache"},
                    std::vector<std::string>{"train", "d", "--epochs", "0"},
                    std::vector<std::string>{"train", "d", "--head", "cubic"},
                    std::vector<std::string>{"train", "d", "--holdout", "1.5"},
                    std::vector<std::string>{"cache", "d", "--precision", "fp8"},
                    std::vector<std::string>{"predict", "model"},
                    std::vector<std::string>{"zoo", "export"}));

struct Failure {
  std::vector<std::string> arguments;
  std::string says;
};
class Failures : public testing::TestWithParam<Failure> {};

TEST_P(Failures, NameWhatIsWrong) {
  const CaftProgram caft;
  const ProgramResult result = caft.run(GetParam().arguments);
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_NE(result.err.find(GetParam().says), std::string::npos) << result.err;
}

INSTANTIATE_TEST_SUITE_P(Cases, Failures,
                         testing::Values(Failure{{"train", "no-such-folder"}, "no-such-folder"},
                                         Failure{{"eval", "no-model", "."}, "no-model"},
                                         Failure{{"predict", "no-model", "."}, "no-model"},
                                         Failure{{"cache", "verify", "no-cache"}, "no-cache"},
                                         Failure{{"zoo", "show", "resnet51"}, "zoo list"},
                                         Failure{{"bench", "vgg16_bn"},
                                                 "caft zoo export vgg16_bn"}));

TEST(Help, EveryVerbHasOne) {
  const CaftProgram caft;
  for (const char* verb : {"zoo", "cache", "train", "eval", "predict", "bench", "doctor"}) {
    const ProgramResult result = caft.run({verb, "--help"});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_NE(result.out.find(verb), std::string::npos);
  }
  EXPECT_EQ(caft.run({"--version"}).exit_code, 0);
}

TEST(Doctor, ExitsCleanlyAndNamesTheBackends) {
  const CaftProgram caft;
  const ProgramResult result = caft.run({"doctor", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json json = result.json();
  EXPECT_GE(json.at("cores").get<int>(), 1);
  bool openvino = false;
  for (const auto& finding : json.at("findings")) {
    openvino = openvino || finding.at("what") == "engine openvino";
    EXPECT_TRUE(finding.at("ok").get<bool>() || !finding.at("remedy").get<std::string>().empty());
  }
  EXPECT_TRUE(openvino);
}

}  // namespace
}  // namespace caft::test
