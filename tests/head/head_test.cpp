#include "caft/head/head.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "caft/core/error.hpp"
#include "caft/core/safetensors.hpp"
#include "caft/head/trainer.hpp"
#include "temp_folder.hpp"

namespace caft {
namespace {

Head two_layers() {
  return {
      .kind = "mlp",
      .layers = {{.inputs = 2, .outputs = 3, .weight = {1, 0, 0, 1, -1, -1}, .bias = {0, 1, 0}},
                 {.inputs = 3, .outputs = 2, .weight = {1, 2, 3, -1, 0, 1}, .bias = {0.5F, 0}}}};
}

/// A file of one layer, changed by a test before it is written.
struct HeadFile {
  std::vector<SafeTensorSpec> specs{{"layers.0.weight", DType::f32, {2, 3}},
                                    {"layers.0.bias", DType::f32, {2}}};
  std::vector<float> weight = std::vector<float>(6, 1), bias = std::vector<float>(2, 0);
  std::map<std::string, std::string> metadata{{"format", "caft-head-1"}, {"kind", "linear"}};

  std::string error(const std::string& expected_in_message = {}) const {
    const test::TempFolder folder;
    write_safetensors(folder / "head", specs,
                      {std::as_bytes(std::span(weight)), std::as_bytes(std::span(bias))}, metadata);
    try {
      (void)Head::load(folder / "head");
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::bad_input) << e.what();
      EXPECT_THAT(e.what(), testing::HasSubstr(expected_in_message));
      return e.what();
    }
    return "";
  }
};

TEST(Head, GivesTheLogitsOfItsLayers) {
  // Hidden: relu([2, -3 + 1, 1]) = [2, 0, 1]; logits: [2 + 3 + 0.5, -2 + 1].
  EXPECT_THAT(two_layers().logits(std::vector<float>{2, -3}, 1),
              testing::ElementsAre(testing::FloatEq(5.5F), testing::FloatEq(-1)));
}

TEST(Head, ManyRowsOnManyThreadsEqualOneAtATime) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  Head head{.kind = "mlp",
            .layers = {{.inputs = 300, .outputs = 200, .weight = {}, .bias = {}},
                       {.inputs = 200, .outputs = 7, .weight = {}, .bias = {}}}};
  for (DenseLayer& layer : head.layers) {
    layer.weight.resize(layer.inputs * layer.outputs);
    layer.bias.resize(layer.outputs);
    for (float& value : layer.weight) value = normal(random);
    for (float& value : layer.bias) value = normal(random);
  }
  const std::size_t rows = 5000;  // 300 million multiplications: above the threshold for threads
  std::vector<float> features(rows * 300);
  for (float& value : features) value = normal(random);
  const auto all = head.logits(features, rows);
  ASSERT_EQ(all.size(), rows * 7);
  for (const std::size_t row : {std::size_t{0}, std::size_t{63}, std::size_t{64}, rows - 1}) {
    const auto one = head.logits(std::span(features).subspan(row * 300, 300), 1);
    EXPECT_TRUE(std::equal(one.begin(), one.end(), all.begin() + static_cast<long>(row * 7)));
  }
}

TEST(Head, RefusesFeaturesOfAnotherSize) {
  EXPECT_THROW((void)two_layers().logits(std::vector<float>(3), 1), Error);
  EXPECT_THROW((void)Head{}.logits({}, 0), Error);
}

TEST(Head, SavesAndLoads) {
  const test::TempFolder folder;
  const Head head = two_layers();
  head.save(folder / "head.safetensors");
  const Head loaded = Head::load(folder / "head.safetensors");
  EXPECT_EQ(loaded.kind, "mlp");
  ASSERT_EQ(loaded.layers.size(), 2U);
  for (std::size_t l = 0; l < 2; ++l) {
    EXPECT_EQ(loaded.layers[l].inputs, head.layers[l].inputs);
    EXPECT_EQ(loaded.layers[l].weight, head.layers[l].weight);
    EXPECT_EQ(loaded.layers[l].bias, head.layers[l].bias);
  }
}

TEST(Head, RefusesHostileFiles) {
  EXPECT_EQ(HeadFile{}.error(), "");  // the file that the cases below spoil is good
  HeadFile file;
  file.metadata.erase("format");
  file.error("format");
  file = {};
  file.metadata["kind"] = "";
  file.error("kind");
  file = {};
  file.specs[1].name = "layers.1.bias";
  file.error("layers.0.bias");
  file = {};
  file.specs[0].shape = {3, 2};
  file.error("layer 0");
  file = {};
  file.specs[0].shape = {6};
  file.error("layer 0");
  file = {};
  file.specs[1].dtype = DType::i32;
  file.error("F32");
  file = {};
  file.weight[4] = std::numeric_limits<float>::quiet_NaN();
  file.error("NaN");
  file = {};
  file.specs = {{"layers.0.weight", DType::f32, {0, 3}}, {"layers.0.bias", DType::f32, {0}}};
  file.weight.clear();
  file.bias.clear();
  file.error("shape");
}

TEST(Head, RefusesLayersThatDoNotFitTogether) {
  const test::TempFolder folder;
  const std::vector<float> zeros(6);
  const auto six = std::as_bytes(std::span(zeros));
  write_safetensors(folder / "head",
                    {{"layers.0.weight", DType::f32, {2, 3}},
                     {"layers.0.bias", DType::f32, {2}},
                     {"layers.1.weight", DType::f32, {2, 3}},
                     {"layers.1.bias", DType::f32, {2}}},
                    {six, six.first(8), six, six.first(8)},
                    {{"format", "caft-head-1"}, {"kind", "mlp"}});
  EXPECT_THROW((void)Head::load(folder / "head"), Error);
  Head head = two_layers();
  head.layers[1].inputs = 4;
  EXPECT_THROW(head.save(folder / "bad"), Error);
  EXPECT_FALSE(std::filesystem::exists(folder / "bad"));
}

TEST(MakeTrainer, KnowsItsHeads) {
  EXPECT_NE(make_trainer("linear"), nullptr);
  EXPECT_NE(make_trainer("mlp"), nullptr);
  try {
    (void)make_trainer("lineal");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_THAT(error.what(), testing::HasSubstr("lineal"));
  }
}

}  // namespace
}  // namespace caft
