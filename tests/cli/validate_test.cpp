// caft validate through the real binary.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "caft/core/file.hpp"
#include "caft/core/process.hpp"
#include "support/caft_program.hpp"

namespace caft::test {
namespace {

class Validate : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    caft.add_tiny_backbone();
    write_class_folders(caft.folder() / "data", 3, 20);
  }
  [[nodiscard]] ProgramResult run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "validate");
    arguments.insert(arguments.end(), {"--backend", GetParam(), "--precision", "fp32", "--json"});
    return caft.run(arguments);
  }
  CaftProgram caft;
};

TEST_P(Validate, AgreesWithItsGoldenSample) {
  const ProgramResult result = run({"tiny"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json json = result.json();
  EXPECT_EQ(json.at("backbone"), "tiny");
  EXPECT_EQ(json.at("backend"), GetParam());
  EXPECT_EQ(json.at("precision"), "fp32");
  EXPECT_EQ(json.at("against"), "golden");
  EXPECT_EQ(json.at("images"), 8);
  EXPECT_EQ(json.at("passed"), true);
  EXPECT_GE(json.at("cosine_min").get<double>(), 0.9999);
  EXPECT_EQ(json.at("thresholds").at("cosine"), 0.9999);
}

TEST_P(Validate, AgreesWithOnnxruntimeOnImages) {
  for (const std::string name : {"tiny", "tiny.onnx"}) {
    const ProgramResult result = run({name, "--images", "data", "--atol", "1e-4", "--batch", "7"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const nlohmann::json json = result.json();
    EXPECT_EQ(json.at("against"), "onnxruntime");
    EXPECT_EQ(json.at("images"), 60);
    EXPECT_EQ(json.at("top1_agreement"), 1.0);
    EXPECT_EQ(json.at("top1_of"), name == "tiny" ? "nearest row" : "largest value");
    EXPECT_EQ(json.at("beyond_tolerance"), 0);
    EXPECT_EQ(json.at("nan"), 0);
    EXPECT_LT(json.at("max_rel").get<double>(), 1e-3);
  }
  EXPECT_EQ(run({"tiny", "--images", "data", "--limit", "9"}).json().at("images"), 9);
}

TEST_P(Validate, AWrongEngineFails) {
  const ProcessResult made =
      run_process({CAFT_PYTHON, CAFT_SOURCE_DIR "/tests/support/make_tiny_backbone.py",
                   (caft.folder() / "other").string(), "1"});
  ASSERT_EQ(made.exit_code, 0);
  const ProgramResult result = run({"tiny", "--images", "data", "--reference", "other/tiny.onnx"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("does not agree with ONNX Runtime"), std::string::npos) << result.err;
  EXPECT_EQ(result.json().at("passed"), false);
  EXPECT_LT(result.json().at("cosine_min").get<double>(), 0.5);

  const ProgramResult strict =
      run({"tiny", "--images", "data", "--reference", "other/tiny.onnx", "--cosine", "0", "--top1",
           "0", "--atol", "1e-6", "--rtol", "1e-6"});
  EXPECT_EQ(strict.exit_code, 1);
  EXPECT_GT(strict.json().at("beyond_tolerance").get<int>(), 0);
}

TEST_P(Validate, AnotherGoldenSampleFails) {
  const std::filesystem::path golden =
      caft.folder() / "home" / "zoo" / "tiny" / "golden.safetensors";
  std::string bytes = read_text(golden);
  std::fill(bytes.end() - 3 * 24 * 4, bytes.end(), '\x3f');  // the last three rows
  write_file_atomically(golden, bytes);
  const ProgramResult result = run({"tiny"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("golden"), std::string::npos) << result.err;
}

INSTANTIATE_TEST_SUITE_P(Backends, Validate, testing::Values("reference", "openvino"),
                         [](const auto& each) { return std::string(each.param); });

TEST(ValidateUsage, SaysInOneLineWhatIsMissingOrWrong) {
  CaftProgram caft;
  caft.add_tiny_backbone();
  write_class_folders(caft.folder() / "data", 1, 2);
  const auto fails = [&](const std::vector<std::string>& options, int code, const char* text) {
    std::vector<std::string> arguments = {"validate", "--backend", "reference"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const ProgramResult result = caft.run(arguments);
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_NE(result.err.find(text), std::string::npos) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  };
  fails({"tiny.onnx"}, 2, "no golden sample");
  fails({"tiny", "--images", "data", "--against", "golden"}, 2, "--images");
  fails({"tiny", "--mean", "0,0,0"}, 2, "card");
  fails({"tiny.onnx", "--images", "data", "--mean", "0,0"}, 2, "three numbers");
  fails({"absent", "--images", "data"}, 1, "absent");
  write_file_atomically(caft.folder() / "data" / "blob" / "bad.jpg", std::string_view("no image"));
  fails({"tiny", "--images", "data"}, 1, "bad.jpg");

  // A Python without onnxruntime.
  std::filesystem::create_directories(caft.folder() / "fake");
  write_file_atomically(caft.folder() / "fake" / "onnxruntime.py",
                        std::string_view("raise ImportError('absent')\n"));
  setenv("PYTHONPATH", (caft.folder() / "fake").c_str(), 1);
  fails({"tiny", "--images", "data/blob/0.jpg"}, 1, "has no onnxruntime");
  unsetenv("PYTHONPATH");
}

}  // namespace
}  // namespace caft::test
