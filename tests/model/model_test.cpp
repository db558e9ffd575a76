#include "caft/model/model.hpp"

#include <gtest/gtest.h>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "temp_folder.hpp"

namespace caft {
namespace {

Model small_model() {
  Model model;
  model.classes = {"cat", "dog"};
  model.preprocessing.resize = 300;
  model.backbone = {.name = "tiny",
                    .card = "/none/card.json",
                    .onnx_sha256 = std::string(64, 'a'),
                    .precision = Precision::bf16,
                    .backend = "openvino"};
  model.head.layers = {
      {.inputs = 3, .outputs = 2, .weight = {1, 2, 3, 4, 5, 6}, .bias = {0.5F, -0.5F}}};
  model.temperature = 1.5;
  model.data = {{"name", "pets"}};
  return model;
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Model, ComesBackAsItWasSaved) {
  const test::TempFolder scratch;
  const Model model = small_model();
  model.save(scratch / "m");
  const Model back = Model::load(scratch / "m");
  EXPECT_EQ(back.classes, model.classes);
  EXPECT_EQ(back.preprocessing, model.preprocessing);
  EXPECT_EQ(back.backbone.onnx_sha256, model.backbone.onnx_sha256);
  EXPECT_EQ(back.backbone.precision, Precision::bf16);
  EXPECT_EQ(back.temperature, 1.5);
  EXPECT_EQ(back.head.layers[0].weight, model.head.layers[0].weight);
  EXPECT_EQ(back.data, model.data);
}

TEST(Model, ReplacesAModelWholeAndNothingElse) {
  const test::TempFolder scratch;
  Model model = small_model();
  model.save(scratch / "m");
  write_file_atomically(scratch / "m" / "report.html", std::string_view("old"));
  model.classes = {"left", "right"};
  model.save((scratch / "m").string() + "/");
  EXPECT_EQ(Model::load(scratch / "m").classes, model.classes);
  EXPECT_FALSE(
      std::filesystem::exists(scratch / "m" / "report.html"));  // it spoke of the old model
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(scratch.path()), {}), 1);

  std::filesystem::create_directory(scratch / "photos");
  write_file_atomically(scratch / "photos" / "mine.jpg", std::string_view("keep"));
  EXPECT_NE(message_of([&] { model.save(scratch / "photos"); }).find("--out"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(scratch / "photos" / "mine.jpg"));
}

TEST(Model, DamageIsNamed) {
  const test::TempFolder scratch;
  small_model().save(scratch / "m");
  const std::string good = read_text(scratch / "m" / "model.json");
  const auto refused = [&](const std::string& text) {
    write_file_atomically(scratch / "m" / "model.json", text);
    return message_of([&] { (void)Model::load(scratch / "m"); });
  };
  EXPECT_NE(refused("{").find("model.json"), std::string::npos);
  EXPECT_NE(refused("{}").find("format"), std::string::npos);
  nlohmann::json json = nlohmann::json::parse(good);
  json["format"] = "caft-model-99";
  EXPECT_NE(refused(json.dump()).find("caft-model-99"), std::string::npos);
  json = nlohmann::json::parse(good);
  json["classes"] = {"one", "two", "three"};
  EXPECT_NE(refused(json.dump()).find("head.safetensors"), std::string::npos);
  json = nlohmann::json::parse(good);
  json["temperature"] = 0;
  EXPECT_NE(refused(json.dump()), "no error");
  write_file_atomically(scratch / "m" / "model.json", good);
  std::filesystem::resize_file(scratch / "m" / "head.safetensors", 40);
  EXPECT_NE(message_of([&] { (void)Model::load(scratch / "m"); }).find("head.safetensors"),
            std::string::npos);
}

}  // namespace
}  // namespace caft
