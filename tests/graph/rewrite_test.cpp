// Rewriting graphs: what engines make of the result, and what is refused.
#include "graph/rewrite.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "caft/core/file.hpp"
#include "caft/core/safetensors.hpp"
#include "caft/engine/engine.hpp"
#include "engine/expect_error.hpp"
#include "graph/onnx_model.hpp"
#include "temp_folder.hpp"

namespace caft::test {
namespace {

namespace fs = std::filesystem;

constexpr InputNormalization kImagenet{{0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}};

fs::path file(const std::string& name) { return fs::path(CAFT_GRAPH_FILES) / (name + ".onnx"); }
fs::path net(const std::string& name) { return fs::path(CAFT_CONFORMANCE_NETS) / (name + ".onnx"); }

std::string rewritten(const fs::path& path, const GraphRewrite& changes) {
  return rewrite_graph(OnnxModel::load(path), changes);
}

/// Features of the recorded images through one backend.
std::vector<float> features(const std::string& backend_name, const fs::path& onnx,
                            const SafeTensorsFile& record) {
  EngineConfig config;
  config.onnx = onnx;
  config.precision = Precision::automatic;
  const auto& shape = record.tensor("images").shape;
  config.batch = {1, static_cast<int>(shape[0]), static_cast<int>(shape[0])};
  const auto engine = backend(backend_name).build(config);
  std::vector<float> images = record.read_f32("images");
  std::vector<std::vector<float>> results;
  std::vector<TensorView> outputs;
  for (const TensorInfo& info : engine->outputs()) {
    EXPECT_EQ(info.dtype, DType::f32);
    std::vector<std::int64_t> sizes = info.shape;
    sizes[0] = static_cast<std::int64_t>(shape[0]);
    std::size_t count = 1;
    for (const std::int64_t size : sizes) count *= static_cast<std::size_t>(size);
    results.emplace_back(count, std::nanf(""));
    outputs.push_back({.name = info.name, .data = results.back().data(), .shape = sizes});
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) outputs[i].data = results[i].data();
  const TensorView input{
      .name = "images", .data = images.data(), .shape = {shape.begin(), shape.end()}};
  engine->create_context()->infer({&input, 1}, outputs);
  return results[0];
}

class RewriteTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!backend(GetParam()).availability().available) GTEST_SKIP() << GetParam();
  }
  TempFolder folder;
};

TEST_P(RewriteTest, HalfGraphsRunAndAgree) {
  for (const std::string name : {"conv", "operators", "baked", "quantized"}) {
    const SafeTensorsFile record =
        SafeTensorsFile::open(net(name).replace_extension("safetensors"));
    const fs::path half = folder / (name + ".onnx");
    write_file_atomically(half, rewritten(net(name), {.half = true}));
    const std::vector<float> expected = record.read_f32("features");
    const std::vector<float> actual = features(GetParam(), half, record);
    ASSERT_EQ(actual.size(), expected.size());
    double largest = 0, difference = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      largest = std::max(largest, std::fabs(static_cast<double>(expected[i])));
      const double gap = std::fabs(static_cast<double>(expected[i]) - actual[i]);
      difference = std::isfinite(gap) ? std::max(difference, gap) : INFINITY;
    }
    EXPECT_LT(difference, 2e-2 * largest) << name;
    EXPECT_GT(difference, 0) << name << ": no weight was rounded";
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, RewriteTest, testing::Values("reference", "openvino"),
                         [](const auto& each) { return each.param; });

TEST(Rewrite, TakesExternalDataInAndKeepsTheRest) {
  const TempFolder folder;
  const fs::path alone = folder / "alone.onnx";  // without the folder that holds the data
  write_file_atomically(alone, rewritten(file("external"), {}));
  const OnnxModel model = OnnxModel::load(alone);
  EXPECT_TRUE(model.external_files().empty());
  EXPECT_EQ(model.inputs()[0].name, "images");
  EXPECT_EQ(model.inputs()[0].shape, (std::vector<std::int64_t>{-1, 3}));
  EXPECT_EQ(model.opset(), 17);
  EXPECT_NE(read_text(alone).find(std::string("\0\0\x80\x3f\0\0\0\x40", 8)), std::string::npos)
      << "the weights 1, 2 … are not in the model";
}

TEST(Rewrite, TheSameModelGivesTheSameBytes) {
  const GraphRewrite all{
      .half = true, .normalization = kImagenet, .image_size = std::array{48, 40}};
  EXPECT_EQ(rewritten(net("conv"), all), rewritten(net("conv"), all));
  const GraphRewrite half{.half = true};
  const TempFolder folder;
  const fs::path once = folder / "once.onnx";
  write_file_atomically(once, rewritten(net("operators"), half));
  EXPECT_EQ(rewritten(once, half), read_text(once));
}

TEST(Rewrite, InitialisersAreNoInputs) {
  const TempFolder folder;
  const fs::path path = folder / "listed.onnx";
  write_file_atomically(path, rewritten(file("listed"), {.half = true}));
  EXPECT_EQ(OnnxModel::load(path).inputs().size(), 1U);
}

TEST(Rewrite, SetsSizeAndLayoutOfTheImages) {
  const TempFolder folder;
  const fs::path path = folder / "u8.onnx";
  write_file_atomically(
      path, rewritten(net("conv"), {.normalization = kImagenet, .image_size = std::array{48, 40}}));
  EXPECT_EQ(OnnxModel::load(path).inputs()[0].shape, (std::vector<std::int64_t>{-1, 48, 40, 3}));
  expect_error(ErrorKind::usage, "f32 [batch, 3, height, width]",
               [&] { (void)rewritten(path, {.normalization = kImagenet}); });
}

TEST(Rewrite, RefusesWhatIsNoImageInput) {
  expect_error(ErrorKind::usage, "raw.onnx: normalization",
               [] { (void)rewritten(file("raw"), {.normalization = kImagenet}); });
  expect_error(ErrorKind::usage, "an image size", [] {
    (void)rewritten(file("raw"), {.image_size = std::array{8, 8}});
  });
  expect_error(ErrorKind::usage, "below 1", [] {
    (void)rewritten(net("conv"), {.image_size = std::array{0, 8}});
  });
}

TEST(Rewrite, NamesTheNodeThatCannotBeTyped) {
  expect_error(ErrorKind::bad_input, "(If)",
               [] { (void)rewritten(file("nested_quantized"), {.half = true}); });
  EXPECT_NO_THROW((void)rewritten(file("nested_quantized"), {}));
}

TEST(Rewrite, SurvivesFlippedBytes) {
  const TempFolder folder;
  const std::vector<std::byte> whole = read_file(file("typed"));
  const fs::path path = folder / "damaged.onnx";
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::vector<std::byte> damaged = whole;
    damaged[at] ^= std::byte{0x55};
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(damaged.data()),
               static_cast<std::streamsize>(damaged.size()));  // thousands of files: without fsync
    try {
      (void)rewritten(path, {.half = true});
    } catch (const Error&) {  // refused, which is what most deserve
    }
  }
}

}  // namespace
}  // namespace caft::test
