#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "caft/core/process.hpp"
#include "caft/zoo/card.hpp"

namespace caft::test {
namespace {

TEST(Catalogue, HoldsThePromisedBackbonesWithTheirFeatureSizes) {
  const std::map<std::string, int> promised = {{"vgg16_bn", 25088},
                                               {"vgg19_bn", 25088},
                                               {"resnet18", 512},
                                               {"resnet50", 2048},
                                               {"resnet101", 2048},
                                               {"resnet152", 2048},
                                               {"efficientnet_b0", 1280},
                                               {"efficientnet_b1", 1280},
                                               {"efficientnet_b2", 1408},
                                               {"efficientnet_b3", 1536},
                                               {"efficientnet_b4", 1792},
                                               {"efficientnet_b5", 2048},
                                               {"efficientnet_b6", 2304},
                                               {"efficientnet_b7", 2560},
                                               {"mobilenet_v2", 1280},
                                               {"mobilenet_v3_large", 960},
                                               {"mobilenet_v3_small", 576},
                                               {"vit_b_16", 768},
                                               {"vit_l_16", 1024},
                                               {"inception_v3", 2048},
                                               {"densenet121", 1024},
                                               {"densenet169", 1664},
                                               {"efficientnet_lite0", 1280},
                                               {"convnext_tiny", 768},
                                               {"convnext_base", 1024},
                                               {"vit_small_patch14_dinov2", 384},
                                               {"vit_base_patch14_dinov2", 768},
                                               {"vit_base_patch16_clip_224", 768},
                                               {"vit_base_patch16_siglip_224", 768},
                                               {"swin_tiny_patch4_window7_224", 768},
                                               {"eva02_small_patch14_224", 384}};
  std::map<std::string, int> held;
  for (const CatalogueEntry& entry : catalogue()) held[entry.name] = entry.feature_dim;
  EXPECT_EQ(held, promised);
  EXPECT_EQ(held.size(), catalogue().size()) << "a name appears twice";
}

TEST(Catalogue, EntriesAreSane) {
  for (const CatalogueEntry& entry : catalogue()) {
    SCOPED_TRACE(entry.name);
    EXPECT_FALSE(entry.family.empty());
    EXPECT_GE(entry.feature_dim, 64);
    EXPECT_GE(entry.params, 900'000);
    EXPECT_GE(entry.preprocessing.resize, entry.preprocessing.height) << "the crop would be padded";
    EXPECT_EQ(entry.preprocessing.width, entry.preprocessing.height);
    EXPECT_FALSE(entry.license.empty());
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(entry.preprocessing.mean[i], 0.45, 0.1);
      EXPECT_GT(entry.preprocessing.std[i], 0.2F);
    }
  }
}

/// Numbers of a catalogue go through f32 here and stay f64 there.
void expect_alike(const nlohmann::json& ours, const nlohmann::json& theirs) {
  ASSERT_EQ(ours.type_name(), std::string(theirs.type_name()));
  if (ours.is_structured()) {
    ASSERT_EQ(ours.size(), theirs.size());
    for (const auto& item : ours.items()) {
      SCOPED_TRACE(item.key());
      if (ours.is_object()) {
        ASSERT_TRUE(theirs.contains(item.key()));
        expect_alike(item.value(), theirs[item.key()]);
      } else {
        expect_alike(item.value(), theirs[std::stoul(item.key())]);
      }
    }
  } else if (ours.is_number_float()) {
    EXPECT_EQ(ours.get<float>(), theirs.get<float>());
  } else {
    EXPECT_EQ(ours, theirs);
  }
}

TEST(Catalogue, EqualsWhatPythonReads) {
  const std::string source = CAFT_SOURCE_DIR;
  const ProcessResult python = run_process(
      {CAFT_PYTHON, "-m", "caft_export", "catalogue", source + "/src/zoo/catalogue.json"},
      {"PYTHONPATH=" + source + "/python", "PYTHONDONTWRITEBYTECODE=1"});
  ASSERT_EQ(python.exit_code, 0);
  nlohmann::json ours = nlohmann::json::array();
  for (const CatalogueEntry& entry : catalogue()) ours.push_back(to_json(entry));
  expect_alike(ours, nlohmann::json::parse(python.output));
}

}  // namespace
}  // namespace caft::test
