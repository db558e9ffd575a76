// What the Python side writes is what the C++ side reads.
#include <gtest/gtest.h>

#include <cmath>

#include "caft/core/process.hpp"
#include "caft/core/safetensors.hpp"
#include "caft/zoo/card.hpp"
#include "temp_folder.hpp"

namespace caft::test {
namespace {

TEST(Exported, ModuleIsReadBack) {
  const TempFolder root;
  const std::string source = CAFT_SOURCE_DIR;
  const std::string out = (root.path() / "zoo" / "tiny").string();
  const ProcessResult python = run_process(
      {CAFT_PYTHON, "-m", "caft_export", "export", "--module",
       source + "/tests/zoo/python/tiny_backbones.py:transformer", "--name", "tiny", "--image-size",
       "32", "--mean", "0.5,0.5,0.5", "--std", "0.25,0.25,0.25", "--license", "MIT", "--out", out},
      {"PYTHONPATH=" + source + "/python", "PYTHONDONTWRITEBYTECODE=1"});
  ASSERT_EQ(python.exit_code, 0);

  const BackboneCard card = Store(root.path()).find("tiny");
  EXPECT_NO_THROW(card.verify_hash());
  EXPECT_EQ(card.raw, nlohmann::json::parse(python.output)) << "stdout holds the card alone";
  EXPECT_EQ(card.feature_dim, 24);
  EXPECT_EQ(card.license, "MIT");
  EXPECT_EQ(card.preprocessing.height, 32);
  EXPECT_EQ(card.preprocessing.resize, 37) << "256 / 224 of the image size";
  EXPECT_EQ(card.preprocessing.std[2], 0.25F);

  const SafeTensorsFile golden = SafeTensorsFile::open(card.golden);
  EXPECT_EQ(golden.tensor("images").dtype, DType::u8);
  EXPECT_EQ(golden.tensor("images").shape, (std::vector<std::uint64_t>{8, 32, 32, 3}));
  EXPECT_EQ(golden.tensor("features").shape, (std::vector<std::uint64_t>{8, 24}));
  for (const float value : golden.read_f32("features")) EXPECT_TRUE(std::isfinite(value));
}

}  // namespace
}  // namespace caft::test
