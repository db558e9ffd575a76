#include "caft/core/safetensors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "caft/core/error.hpp"

namespace caft {
namespace {

using ::testing::HasSubstr;

class SafeTensors : public ::testing::Test {
 protected:
  SafeTensors() { std::filesystem::create_directories(folder_); }
  ~SafeTensors() override { std::filesystem::remove_all(folder_); }

  // A file with this header text and so many bytes behind it.
  std::filesystem::path file(const std::string& json, std::size_t data,
                             std::optional<std::uint64_t> length = {}) const {
    const std::filesystem::path path = folder_ / "crafted.safetensors";
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    const std::uint64_t size = length.value_or(json.size());
    for (int i = 0; i < 8; ++i) out.put(static_cast<char>(size >> (8 * i)));
    out << json << std::string(data, 'x');
    return path;
  }
  std::string refusal(const std::string& json, std::size_t data,
                      std::optional<std::uint64_t> length = {}) const {
    const std::filesystem::path path = file(json, data, length);
    try {
      (void)SafeTensorsFile::open(path);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_input);
      EXPECT_THAT(error.what(), HasSubstr("crafted.safetensors"));
      return error.what();
    }
    return "accepted";
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("safetensors_test." + std::to_string(::getpid()));
};

const std::vector<float> kWeights{0.5F, -1.0F, 2.0F, 3.25F, 65504.0F, -0.0F};
const std::vector<std::uint16_t> kHalves{0x3c00, 0xc000};  // 1 and -2

std::filesystem::path write_sample(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "sample.safetensors";
  write_safetensors(path,
                    {{"weight", DType::f32, {2, 3}},
                     {"half", DType::f16, {2}},
                     {"none", DType::u8, {0, 4}},
                     {"scalar", DType::u64, {}}},
                    {std::as_bytes(std::span(kWeights)),
                     std::as_bytes(std::span(kHalves)),
                     {},
                     std::as_bytes(std::span("\1\0\0\0\0\0\0", 8))},
                    {{"format", "pt"}, {"note", "quotes \" and ümlauts"}});
  return path;
}

TEST_F(SafeTensors, GivesBackWhatWasWritten) {
  const SafeTensorsFile opened = SafeTensorsFile::open(write_sample(folder_));
  EXPECT_EQ(opened.header_bytes() % 64, 0u);
  EXPECT_EQ(opened.metadata().at("note"), "quotes \" and ümlauts");
  ASSERT_EQ(opened.tensors().size(), 4u);
  EXPECT_EQ(opened.tensor("weight").shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(opened.tensor("weight").offset, opened.header_bytes());
  EXPECT_EQ(opened.read_f32("weight"), kWeights);
  EXPECT_EQ(opened.read_f32("half"), (std::vector<float>{1.0F, -2.0F}));
  EXPECT_TRUE(opened.read("none").empty());
  EXPECT_EQ(opened.read("scalar").size(), 8u);
  EXPECT_TRUE(opened.contains("none"));
  EXPECT_FALSE(opened.contains("bias"));
}

TEST_F(SafeTensors, NamesTheTensorThatIsMissingOrOfAnotherType) {
  const SafeTensorsFile opened = SafeTensorsFile::open(write_sample(folder_));
  for (const char* name : {"bias", "scalar"}) {
    try {
      (void)opened.read_f32(name);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_input);
      EXPECT_THAT(error.what(), HasSubstr(name));
      EXPECT_THAT(error.what(), HasSubstr("sample.safetensors"));
    }
  }
}

TEST_F(SafeTensors, ThePythonPackageReadsThem) {
  std::ofstream(folder_ / "check.py") << R"(
import sys, numpy as np
from safetensors import safe_open
with safe_open(sys.argv[1], "np") as f:
    assert f.metadata()["note"] == 'quotes " and ümlauts', f.metadata()
    assert (f.get_tensor("weight") == np.array([[.5, -1, 2], [3.25, 65504, 0]], np.float32)).all()
    assert (f.get_tensor("half") == np.array([1, -2], np.float16)).all()
    assert f.get_tensor("none").shape == (0, 4) and f.get_tensor("scalar") == 1
)";
  const std::string command = std::string(CAFT_PYTHON) + " '" + (folder_ / "check.py").string() +
                              "' '" + write_sample(folder_).string() + "'";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST_F(SafeTensors, ReadsWhatThePythonPackageWrites) {
  std::ofstream(folder_ / "make.py") << R"(
import sys, numpy as np
from safetensors.numpy import save_file
save_file({"b": np.arange(3, dtype=np.float32), "a": np.ones((2, 2), np.float16)}, sys.argv[1],
          metadata={"k": "v"})
)";
  const std::filesystem::path path = folder_ / "python.safetensors";
  const std::string command = std::string(CAFT_PYTHON) + " '" + (folder_ / "make.py").string() +
                              "' '" + path.string() + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const SafeTensorsFile opened = SafeTensorsFile::open(path);
  EXPECT_EQ(opened.metadata().at("k"), "v");
  EXPECT_EQ(opened.read_f32("b"), (std::vector<float>{0, 1, 2}));
  EXPECT_EQ(opened.read_f32("a"), std::vector<float>(4, 1.0F));
}

TEST_F(SafeTensors, RefusesMalformedFiles) {
  const auto one = [](const std::string& shape, const std::string& offsets,
                      const std::string& dtype = "F32") {
    return R"({"t":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" +
           offsets + "}}";
  };
  EXPECT_EQ(refusal(one("[2]", "[0,8]"), 8), "accepted");
  EXPECT_THAT(refusal("", 0), HasSubstr("does not begin"));
  EXPECT_THAT(refusal("{}", 0, 200'000'000), HasSubstr("more than 100 MB"));
  EXPECT_THAT(refusal("{}", 0, UINT64_MAX), HasSubstr("more than 100 MB"));
  EXPECT_THAT(refusal("{}", 0, 3), HasSubstr("cut short"));
  EXPECT_THAT(refusal(" {}", 0), HasSubstr("does not begin"));
  EXPECT_THAT(refusal("{", 0), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal("{} x", 0), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal("{\"\xff\":1}", 0), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal(one("[[[[[[2]]]]]]", "[0,8]"), 8), HasSubstr("nested"));
  EXPECT_THAT(refusal("{\"t\":1}", 0), HasSubstr("lacks dtype"));
  EXPECT_THAT(refusal(R"({"t":{"dtype":"F32","shape":[1]}})", 4), HasSubstr("lacks dtype"));
  EXPECT_THAT(refusal(one("[2]", "[0,8,9]"), 8), HasSubstr("lacks dtype"));
  EXPECT_THAT(refusal(one("[2]", "[0,8]", "F31"), 8), HasSubstr("F31"));
  EXPECT_THAT(refusal(one("[-2]", "[0,8]"), 8), HasSubstr("natural number"));
  EXPECT_THAT(refusal(one("[2.0]", "[0,8]"), 8), HasSubstr("natural number"));
  EXPECT_THAT(refusal(one("[3]", "[0,8]"), 8), HasSubstr("does not fit"));
  EXPECT_THAT(refusal(one("[2]", "[8,0]"), 8), HasSubstr("beyond the end"));
  EXPECT_THAT(refusal(one("[2]", "[0,8]"), 7), HasSubstr("beyond the end"));
  EXPECT_THAT(refusal(one("[2]", "[0,8]"), 9), HasSubstr("after the last"));
  EXPECT_THAT(refusal(one("[2]", "[1,9]"), 9), HasSubstr("hole"));
  EXPECT_THAT(refusal(one("[4611686018427387904,4]", "[0,0]"), 0), HasSubstr("overflows"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"a":1}})", 0), HasSubstr("not text"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"a":"x","a":"y"}})", 0), HasSubstr("twice"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                      R"("b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
                      6),
              HasSubstr("overlaps"));
}

TEST_F(SafeTensors, EveryTruncationIsRefused) {
  const std::filesystem::path path = write_sample(folder_);
  for (auto size = std::filesystem::file_size(path); size-- > 0;) {
    std::filesystem::resize_file(path, size);
    EXPECT_THROW((void)SafeTensorsFile::open(path), Error) << size;
  }
}

TEST_F(SafeTensors, WritesNothingThatDisagreesWithItself) {
  const std::filesystem::path path = folder_ / "wrong.safetensors";
  const auto bytes = std::as_bytes(std::span(kWeights));
  EXPECT_THROW(write_safetensors(path, {{"a", DType::f32, {7}}}, {bytes}), Error);
  EXPECT_THROW(write_safetensors(path, {{"a", DType::f32, {6}}}, {}), Error);
  EXPECT_THROW(
      write_safetensors(path, {{"a", DType::f32, {6}}, {"a", DType::f32, {6}}}, {bytes, bytes}),
      Error);
  EXPECT_THROW(write_safetensors(path, {{"\xff", DType::f32, {6}}}, {bytes}), Error);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

}  // namespace
}  // namespace caft
