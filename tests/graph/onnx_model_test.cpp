// Reading ONNX files: what they say of themselves, and that hostile ones are refused.
#include "graph/onnx_model.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "caft/core/file.hpp"
#include "engine/expect_error.hpp"
#include "temp_folder.hpp"

namespace caft::test {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

fs::path file(const std::string& name) { return fs::path(CAFT_GRAPH_FILES) / (name + ".onnx"); }

/// Without the fsync of caft's own writer: these tests write thousands of files.
void write(const fs::path& path, std::span<const std::byte> bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
}

TEST(OnnxModel, ListsInputsOutputsAndOperators) {
  for (const std::string name : {"raw", "typed", "listed", "external"}) {
    const OnnxModel model = OnnxModel::load(file(name));
    ASSERT_EQ(model.inputs().size(), 1U) << name;
    EXPECT_EQ(model.inputs()[0].name, "images");
    EXPECT_EQ(model.inputs()[0].shape, (std::vector<std::int64_t>{-1, 3}));
    ASSERT_EQ(model.outputs().size(), 1U);
    EXPECT_EQ(model.outputs()[0].shape, (std::vector<std::int64_t>{-1, 4}));
    EXPECT_EQ(model.operators(), (Names{"MatMul"}));
    EXPECT_EQ(model.opset(), 17);
    EXPECT_FALSE(model.is_quantized());
  }
}

TEST(OnnxModel, LooksIntoSubgraphs) {
  const OnnxModel model = OnnxModel::load(file("nested_quantized"));
  EXPECT_TRUE(model.is_quantized());
  EXPECT_EQ(model.operators(),
            (Names{"Constant", "DequantizeLinear", "If", "MatMul", "acme::Sparkle"}));
}

TEST(OnnxModel, NamesExternalFilesOnce) {
  EXPECT_TRUE(OnnxModel::load(file("raw")).external_files().empty());
  const std::vector<fs::path> files = OnnxModel::load(file("external")).external_files();
  ASSERT_EQ(files.size(), 1U);
  EXPECT_TRUE(fs::equivalent(files[0], fs::path(CAFT_GRAPH_FILES) / "sub" / "w.bin"));
}

TEST(OnnxModel, RefusesExternalDataOutsideItsFolder) {
  const auto refuses = [](const std::string& name, const std::string& why) {
    expect_error(ErrorKind::bad_input, why, [&] { (void)OnnxModel::load(file(name)); });
  };
  refuses("absolute", "absolute");
  refuses("dotdot", "leaves the folder");
  refuses("inner_dotdot", "leaves the folder");
  refuses("constant_escape", "leaves the folder");
  refuses("symlink", "symbolic link");
  refuses("symlinked_folder", "symbolic link");
  refuses("is_folder", "not a regular file");
  refuses("no_location", "names no file");
  expect_error(ErrorKind::not_found, "nowhere.bin", [] { (void)OnnxModel::load(file("absent")); });
}

TEST(OnnxModel, RefusesSizesThatDoNotFit) {
  const auto refuses = [](const std::string& name, const std::string& why) {
    expect_error(ErrorKind::bad_input, why, [&] { (void)OnnxModel::load(file(name)); });
  };
  refuses("beyond", "ends beyond its file");
  refuses("overflow", "ends beyond its file");
  refuses("wrong_length", "has length 40, its shape needs 48");
  refuses("bad_number", "not a number");
  refuses("huge", "is too large");
  refuses("negative", "negative size");
  refuses("short_raw", "40 bytes of data, its shape needs 48");
  refuses("short_typed", "11 values, its shape needs 12");
  refuses("no_graph", "not an ONNX model");
}

TEST(OnnxModel, RefusesEveryTruncation) {
  const TempFolder folder;
  const std::vector<std::byte> whole = read_file(file("raw"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const fs::path cut = folder / "cut.onnx";
    write(cut, std::span(whole).first(size));
    EXPECT_THROW((void)OnnxModel::load(cut), Error) << size << " bytes passed for a model";
  }
}

TEST(OnnxModel, SurvivesFlippedBytes) {
  const TempFolder folder;
  const std::vector<std::byte> whole = read_file(file("nested_quantized"));
  int refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::vector<std::byte> damaged = whole;
    damaged[at] ^= std::byte{0x55};
    const fs::path path = folder / "damaged.onnx";
    write(path, damaged);
    try {
      (void)OnnxModel::load(path).operators();
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(OnnxModel, KeepsToTheByteLimit) {
  expect_error(ErrorKind::bad_input, "raw.onnx", [] { (void)OnnxModel::load(file("raw"), 16); });
}

}  // namespace
}  // namespace caft::test
