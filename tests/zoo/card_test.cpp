#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "caft/core/error.hpp"
#include "caft/zoo/card.hpp"
#include "card_folder.hpp"

namespace caft::test {
namespace {

using testing::HasSubstr;

/// Loads `card` from a fresh folder and returns the refusal, or "" when it was accepted.
std::string refusal(const nlohmann::json& card, ErrorKind kind = ErrorKind::bad_input) {
  const TempFolder folder;
  const auto file = write_backbone(folder.path(), card);
  try {
    BackboneCard::load(file);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(file.string()));
    return error.what();
  }
  return "";
}

TEST(Card, ReadsEveryField) {
  const TempFolder folder;
  const nlohmann::json json = good_card("net");
  const BackboneCard card = BackboneCard::load(write_backbone(folder.path(), json));
  EXPECT_EQ(card.name, "net");
  EXPECT_EQ(card.family, "ResNet");
  EXPECT_EQ(card.source, "torchvision");
  EXPECT_EQ(card.weights, "random seed 0");
  EXPECT_EQ(card.weights_sha256, sha256_text("weights"));
  EXPECT_EQ(card.onnx, folder / "net.onnx");
  EXPECT_THAT(card.external_data,
              testing::ElementsAre(folder / "net.data", folder.path() / "more" / "net.data"));
  EXPECT_EQ(card.golden, folder / "golden.safetensors");
  EXPECT_EQ(to_json(card.preprocessing), json["preprocessing"]);
  EXPECT_EQ(card.input, "images");
  EXPECT_EQ(card.output, "features");
  EXPECT_EQ(card.feature_dim, 512);
  EXPECT_EQ(card.params, 11176512);
  EXPECT_EQ(card.license, "BSD-3-Clause");
  EXPECT_EQ(card.raw, json) << "fields that this version does not know are kept";
}

TEST(Card, RelativePathGivesAbsoluteFiles) {
  const TempFolder folder;
  const auto file = write_backbone(folder.path(), good_card("net"));
  const auto relative = std::filesystem::relative(file);
  EXPECT_TRUE(BackboneCard::load(relative).onnx.is_absolute());
}

TEST(Card, EveryMissingFieldIsNamed) {
  const nlohmann::json good = good_card("net");
  for (const auto& item : good.items()) {
    if (item.key() == "opset") continue;  // informative, not read
    nlohmann::json card = good;
    card.erase(item.key());
    EXPECT_THAT(refusal(card), HasSubstr("\"" + item.key() + "\""));
  }
}

TEST(Card, FieldsOfTheWrongKindAreNamed) {
  const std::vector<std::pair<std::string, nlohmann::json>> wrong = {
      {"format", "caft-card-2"},
      {"name", "../net"},
      {"name", "Net"},
      {"family", 3},
      {"source", ""},
      {"weights", "two\nlines"},
      {"weights_sha256", "abc"},
      {"onnx", nullptr},
      {"external_data", "file"},
      {"onnx_sha256", std::string(64, 'G')},
      {"golden", 1},
      {"preprocessing", 1},
      {"input", std::string(600, 'x')},
      {"output", false},
      {"feature_dim", 0},
      {"feature_dim", 1e3},
      {"params", -1},
      {"license", nlohmann::json::array()},
  };
  for (const auto& [field, value] : wrong) {
    nlohmann::json card = good_card("net");
    card[field] = value;
    EXPECT_THAT(refusal(card), HasSubstr(field)) << value.dump();
  }
}

TEST(Card, PreprocessingIsCheckedAndTheCardNamed) {
  nlohmann::json card = good_card("net");
  card["preprocessing"]["color"] = "BGR";
  EXPECT_THAT(refusal(card), HasSubstr("color"));
}

TEST(Card, PathsOutOfTheFolderAreRefused) {
  for (const char* path : {"../net.onnx", "/etc/passwd", "more/../net.onnx", "./net.onnx", ".",
                           "..", "more//net.data", "more/", "more\\net.data", "more"}) {
    for (const char* field : {"onnx", "golden"}) {
      nlohmann::json card = good_card("net");
      card[field] = path;
      EXPECT_THAT(refusal(card), HasSubstr(field)) << path;
    }
    nlohmann::json card = good_card("net");
    card["external_data"] = {path};
    EXPECT_THAT(refusal(card), HasSubstr("external_data")) << path;
  }
}

TEST(Card, LinksAreRefused) {
  const TempFolder folder;
  const auto file = write_backbone(folder / "backbone", good_card("net"));
  write_text(folder / "secret", "graph");
  std::filesystem::remove(folder.path() / "backbone" / "net.onnx");
  std::filesystem::create_symlink(folder / "secret", folder.path() / "backbone" / "net.onnx");
  EXPECT_THROW(BackboneCard::load(file), Error);

  write_backbone(folder / "second", good_card("net"));
  std::filesystem::rename(folder.path() / "second" / "more", folder / "elsewhere");
  std::filesystem::create_directory_symlink(folder / "elsewhere",
                                            folder.path() / "second" / "more");
  EXPECT_THROW(BackboneCard::load(folder.path() / "second" / "card.json"), Error);
}

TEST(Card, MissingFilesAreNamed) {
  for (const char* name : {"net.onnx", "more/net.data", "golden.safetensors"}) {
    const TempFolder folder;
    const auto file = write_backbone(folder.path(), good_card("net"));
    std::filesystem::remove(folder / name);
    try {
      BackboneCard::load(file);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::not_found);
      EXPECT_THAT(error.what(), HasSubstr(name));
    }
  }
}

TEST(Card, HostileJsonIsAnError) {
  const TempFolder folder;
  const std::string deep(200000, '[');
  for (const std::string& text : {std::string(), std::string("[]"), std::string("{\"format\":"),
                                  "{\"format\":" + deep, std::string("\xff\xfe{}")}) {
    write_text(folder / "card.json", text);
    EXPECT_THROW(BackboneCard::load(folder / "card.json"), Error) << text.substr(0, 20);
  }
  write_text(folder / "card.json", std::string((1 << 20) + 1, ' '));
  EXPECT_THROW(BackboneCard::load(folder / "card.json"), Error) << "larger than any card";
}

TEST(Card, VerifyHashNoticesEveryChange) {
  const TempFolder folder;
  const auto file = write_backbone(folder.path(), good_card("net"));
  EXPECT_NO_THROW(BackboneCard::load(file).verify_hash());
  for (const char* name : {"net.onnx", "net.data", "more/net.data"}) {
    write_backbone(folder.path(), good_card("net"));
    write_text(folder / name, "changed");
    try {
      BackboneCard::load(file).verify_hash();
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::mismatch);
      EXPECT_THAT(error.what(), HasSubstr("net.onnx"));
    }
  }
}

TEST(Card, HashDependsOnTheOrderOfExternalData) {
  const TempFolder folder;
  nlohmann::json card = good_card("net");
  card["external_data"] = {"more/net.data", "net.data"};
  EXPECT_THROW(BackboneCard::load(write_backbone(folder.path(), card)).verify_hash(), Error);
}

}  // namespace
}  // namespace caft::test
