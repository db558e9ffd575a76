// Weights put back into a graph.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "caft/core/file.hpp"
#include "engine/expect_error.hpp"
#include "graph/onnx_model.hpp"
#include "graph/split.hpp"
#include "temp_folder.hpp"

namespace caft::test {
namespace {

namespace fs = std::filesystem;

fs::path file(const std::string& name) { return fs::path(CAFT_GRAPH_FILES) / (name + ".onnx"); }

constexpr int kFloat = 1, kInt32 = 6;  // onnx::TensorProto::DataType

TensorData floats(std::vector<std::int64_t> shape, const std::vector<float>& values) {
  TensorData data{kFloat, std::move(shape), {}};
  data.bytes.resize(values.size() * sizeof(float));
  std::memcpy(data.bytes.data(), values.data(), data.bytes.size());
  return data;
}

const std::vector<float> kNew{0, -1, 2, -3, 4, -5, 6, -7, 8, -9, 10, -11};

TEST(Weights, AreReplacedWhereverTheFileKeptThem) {
  const TempFolder folder;
  for (const std::string name : {"raw", "typed", "external"}) {
    const fs::path path = folder / (name + "_new.onnx");
    write_file_atomically(path,
                          with_weights(OnnxModel::load(file(name)), {{"w", floats({3, 4}, kNew)}}));
    const OnnxModel model = OnnxModel::load(path);
    EXPECT_TRUE(model.external_files().empty()) << name;
    std::string bytes(kNew.size() * sizeof(float), '\0');
    std::memcpy(bytes.data(), kNew.data(), bytes.size());
    EXPECT_NE(read_text(path).find(bytes), std::string::npos) << name;
  }
}

TEST(Weights, MustFitTheGraph) {
  const OnnxModel model = OnnxModel::load(file("raw"));
  expect_error(ErrorKind::mismatch, "'w'", [&] {
    (void)with_weights(model, {{"w", floats({4, 3}, kNew)}});
  });
  TensorData integers = floats({3, 4}, kNew);
  integers.type = kInt32;
  expect_error(ErrorKind::mismatch, "'w'", [&] { (void)with_weights(model, {{"w", integers}}); });
  TensorData shorter = floats({3, 4}, kNew);
  shorter.bytes.pop_back();
  expect_error(ErrorKind::mismatch, "'w'", [&] { (void)with_weights(model, {{"w", shorter}}); });
  expect_error(ErrorKind::not_found, "'v'", [&] {
    (void)with_weights(model, {{"w", floats({3, 4}, kNew)}, {"v", floats({1}, {1})}});
  });
}

}  // namespace
}  // namespace caft::test
