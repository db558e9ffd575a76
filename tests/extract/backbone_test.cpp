// Opening a backbone, and running images through it.
#include "caft/extract/backbone.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "caft/core/safetensors.hpp"
#include "caft/extract/cache_dataset.hpp"
#include "support/caft_program.hpp"

namespace caft {
namespace {

class TinyBackbone : public testing::Test {
 protected:
  void SetUp() override {
    caft.add_tiny_backbone();
    card = (caft.folder() / "home" / "zoo" / "tiny" / "card.json").string();
  }
  test::CaftProgram caft;
  std::string card;
};

TEST_F(TinyBackbone, AWrongGoldenSampleIsRefused) {
  EXPECT_GT(open_backbone(card, {.backend = "reference"}).golden_cosine, 0.9999);
  const auto folder = std::filesystem::path(card).parent_path();
  const SafeTensorsFile golden = SafeTensorsFile::open(folder / "golden.safetensors");
  const std::vector<std::byte> images = golden.read("images");
  std::vector<float> features = golden.read_f32("features");
  std::rotate(features.begin(), features.begin() + 24, features.end());  // rows of other images
  const SafeTensorInfo& info = golden.tensor("images");
  write_safetensors(
      folder / "golden.safetensors",
      {{"images", DType::u8, info.shape}, {"features", DType::f32, {info.shape[0], 24}}},
      {images, std::as_bytes(std::span(features))}, {});
  try {
    (void)open_backbone(card, {.backend = "reference"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::mismatch);
    EXPECT_NE(std::string(error.what()).find("golden"), std::string::npos) << error.what();
  }
}

TEST_F(TinyBackbone, OptionsChangeThePreprocessingAndTheFingerprint) {
  const Backbone plain = open_backbone(card, {.backend = "reference"});
  const Backbone squashed = open_backbone(card, {.backend = "reference", .squash = true});
  EXPECT_EQ(squashed.preprocessing.mode, ResizeMode::exact);
  const Backbone larger = open_backbone(card, {.backend = "reference", .image_size = 64});
  EXPECT_EQ(larger.preprocessing.resize, 72);
  EXPECT_EQ(larger.preprocessing.width, 64);
  const std::string id = backbone_fingerprint(plain, DType::f16).id();
  EXPECT_NE(id, backbone_fingerprint(squashed, DType::f16).id());
  EXPECT_NE(id, backbone_fingerprint(larger, DType::f16).id());
  EXPECT_NE(id, backbone_fingerprint(plain, DType::f32).id());
  EXPECT_EQ(id,
            backbone_fingerprint(open_backbone(card, {.backend = "reference"}), DType::f16).id());
}

TEST_F(TinyBackbone, EveryItemArrivesOnceWhateverTheWorkers) {
  test::write_class_folders(caft.folder() / "data", 2, 23);
  const Dataset dataset = open_dataset(caft.folder() / "data");
  const Backbone backbone = open_backbone(card, {.backend = "reference", .batch = 5});
  std::vector<std::vector<float>> expected;
  for (const int workers : {1, 4}) {
    std::vector<std::vector<float>> rows(dataset.samples.size() + 1);
    std::atomic<int> bad{0};
    const ExtractTask task{
        .count = rows.size(),
        .fetch = [&](std::size_t i) -> std::optional<std::vector<std::byte>> {
          if (i == 7) return std::nullopt;
          if (i == dataset.samples.size()) return std::vector<std::byte>(100, std::byte{1});
          return read_source(dataset.samples[i].source);
        },
        .row = [&](std::size_t i,
                   std::span<const float> row) { rows[i].assign(row.begin(), row.end()); },
        .bad = [&](std::size_t i,
                   const std::string&) { bad += i == dataset.samples.size() ? 1 : 100; }};
    extract(backbone, task, {.workers = workers});
    EXPECT_EQ(bad, 1);
    for (std::size_t i = 0; i < dataset.samples.size(); ++i)
      EXPECT_EQ(rows[i].size(), i == 7 ? 0U : 24U) << i;
    if (expected.empty()) expected = rows;
    EXPECT_EQ(rows, expected);
  }
}

TEST_F(TinyBackbone, AnErrorInACallbackEndsTheRun) {
  test::write_class_folders(caft.folder() / "data", 2, 10);
  const Dataset dataset = open_dataset(caft.folder() / "data");
  const Backbone backbone = open_backbone(card, {.backend = "reference"});
  const ExtractTask task{
      .count = dataset.samples.size(),
      .fetch = [&](std::size_t i) { return std::optional(read_source(dataset.samples[i].source)); },
      .row = [](std::size_t, std::span<const float>) { throw Error(ErrorKind::mismatch, "full"); },
      .bad = [](std::size_t, const std::string&) {}};
  EXPECT_THROW(extract(backbone, task), Error);
}

}  // namespace
}  // namespace caft
