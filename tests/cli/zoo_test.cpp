#include <gtest/gtest.h>

#include "caft/core/file.hpp"
#include "support/caft_program.hpp"

namespace caft::test {
namespace {

TEST(Zoo, ListsTheCatalogueWithItsKeys) {
  const CaftProgram caft;
  const ProgramResult result = caft.run({"zoo", "list", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::map<std::string, int> dims;
  for (const auto& line : result.json()) {
    for (const char* key : {"name", "family", "feature_dim", "image_size", "mean", "std",
                            "interpolation", "resize", "params", "exported"}) {
      EXPECT_TRUE(line.contains(key)) << key;
    }
    EXPECT_FALSE(line.at("exported").get<bool>());
    dims[line.at("name")] = line.at("feature_dim");
  }
  EXPECT_EQ(dims["vgg16_bn"], 25088);
  EXPECT_EQ(dims["resnet18"], 512);
  EXPECT_EQ(dims["resnet50"], 2048);
  EXPECT_EQ(dims["efficientnet_b0"], 1280);
  EXPECT_EQ(dims["efficientnet_lite0"], 1280);
  EXPECT_EQ(dims["mobilenet_v3_large"], 960);
  EXPECT_EQ(dims["vit_b_16"], 768);
}

TEST(Zoo, AddedBackboneIsListedShownAndProtected) {
  const CaftProgram caft;
  caft.add_tiny_backbone();
  const nlohmann::json card = caft.run({"zoo", "show", "tiny", "--json"}).json();
  EXPECT_EQ(card.at("feature_dim"), 24);
  EXPECT_EQ(card.at("onnx_sha256").get<std::string>().size(), 64U);
  bool listed = false;
  for (const auto& line : caft.run({"zoo", "list", "--json"}).json()) {
    listed = listed || (line.at("name") == "tiny" && line.at("exported").get<bool>());
  }
  EXPECT_TRUE(listed);
  const ProgramResult again = caft.run({"zoo", "add", "tiny.onnx", "--card", "tiny-card.json"});
  EXPECT_NE(again.exit_code, 0);
  EXPECT_NE(again.err.find("--force"), std::string::npos) << again.err;
  EXPECT_EQ(caft.run({"zoo", "add", "tiny.onnx", "--card", "tiny-card.json", "--force"}).exit_code,
            0);
}

TEST(Zoo, CutsAreListedWithTheirCosts) {
  const CaftProgram caft;
  caft.add_tiny_backbone();
  const ProgramResult result = caft.run({"zoo", "cuts", "tiny", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json cuts = result.json().at("cuts");
  std::vector<std::string> tensors;
  for (const auto& cut : cuts) tensors.push_back(cut.at("tensor"));
  EXPECT_EQ(tensors, (std::vector<std::string>{"c1", "r1", "c2", "r2", "p"}));
  const nlohmann::json& middle = cuts.at(1);
  EXPECT_EQ(middle.at("name"), "r1") << "without module names, the tensor's";
  EXPECT_EQ(middle.at("shape"), nlohmann::json({12, 16, 16}));
  EXPECT_EQ(middle.at("cached_bytes"), 2 * 12 * 16 * 16);
  EXPECT_EQ(middle.at("macs_before"), 12 * 16 * 16 * 3 * 9);
  EXPECT_EQ(middle.at("macs_after"), 24 * 8 * 8 * 12 * 9);
  EXPECT_EQ(middle.at("parameters_after"), 24 * 12 * 9 + 24);
  EXPECT_NE(caft.run({"zoo", "cuts", "tiny"}).out.find("12x16x16"), std::string::npos);
  EXPECT_EQ(caft.run({"zoo", "cuts", "absent"}).exit_code, 1);
}

TEST(Zoo, TamperedBackboneIsRefused) {
  const CaftProgram caft;
  caft.add_tiny_backbone();
  const auto onnx = caft.folder().path() / "home" / "zoo" / "tiny" / "tiny.onnx";
  std::vector<std::byte> bytes = read_file(onnx);
  bytes[bytes.size() / 2] ^= std::byte{1};
  write_file_atomically(onnx, bytes);
  const ProgramResult result = caft.run({"bench", "tiny", "--seconds", "0.1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("tiny.onnx"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace caft::test
