#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "caft/core/process.hpp"
#include "caft/zoo/card.hpp"

namespace caft::test {
namespace {

TEST(Catalogue, HoldsThePromisedBackbones) {
  std::set<std::string> names;
  for (const CatalogueEntry& entry : catalogue()) names.insert(entry.name);
  for (const char* name : {"efficientnet_lite0", "resnet18", "resnet50", "vgg16_bn",
                           "efficientnet_b0", "mobilenet_v3_large", "vit_b_16"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
  EXPECT_EQ(names.size(), catalogue().size()) << "a name appears twice";
}

TEST(Catalogue, EntriesAreSane) {
  for (const CatalogueEntry& entry : catalogue()) {
    SCOPED_TRACE(entry.name);
    EXPECT_FALSE(entry.family.empty());
    EXPECT_GE(entry.feature_dim, 64);
    EXPECT_GE(entry.params, 1'000'000);
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
