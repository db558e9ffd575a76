// What engines refuse, and that the one line says which view, file, node or precision it was.
#include <array>

#include "conformance/harness.hpp"
#include "engine/expect_error.hpp"

namespace caft::test {
namespace {

/// A batch that fits, to be spoilt one property at a time.
struct Views {
  std::vector<float> images = std::vector<float>(9 * 3 * 32 * 32),
                     features = std::vector<float>(90), probabilities = std::vector<float>(90);
  std::vector<TensorView> inputs{
      {"images", images.data(), DType::f32, {2, 3, 32, 32}, {}, {}, nullptr}};
  std::vector<TensorView> outputs{
      {"features", features.data(), DType::f32, {2, 10}, {}, {}, nullptr},
      {"probabilities", probabilities.data(), DType::f32, {2, 10}, {}, {}, nullptr}};
};

TEST_P(Conformance, NamesTheViewThatDoesNotFit) {
  const auto engine = build("conv");
  const auto context = engine->create_context();
  const auto refuses = [&](const std::string& text, auto spoil) {
    Views views;
    spoil(views);
    expect_error(ErrorKind::usage, text, [&] { context->infer(views.inputs, views.outputs); });
  };
  refuses("'pictures'", [](Views& v) { v.inputs[0].name = "pictures"; });
  refuses("'embedding'", [](Views& v) { v.outputs[0].name = "embedding"; });
  refuses("'images' is missing", [](Views& v) { v.inputs.clear(); });
  refuses("'probabilities' is missing", [](Views& v) { v.outputs.pop_back(); });
  refuses("'features' is given twice", [](Views& v) { v.outputs[1] = v.outputs[0]; });
  refuses("'images' is U8, must be F32", [](Views& v) { v.inputs[0].dtype = DType::u8; });
  refuses("[2, 3, 32, 31], must be [?, 3, 32, 32]", [](Views& v) {
    v.inputs[0].shape = {2, 3, 32, 31};
  });
  refuses("'features' has shape [2, 11]", [](Views& v) { v.outputs[0].shape = {2, 11}; });
  refuses("batch of 10, must be 1 to 9", [](Views& v) { v.inputs[0].shape[0] = 10; });
  refuses("batch of 0", [](Views& v) { v.inputs[0].shape[0] = 0; });
  refuses("'features' has 3 rows", [](Views& v) { v.outputs[0].shape[0] = 3; });
  refuses("null", [](Views& v) { v.outputs[0].data = nullptr; });
  refuses("strides", [](Views& v) { v.inputs[0].strides = {3072, 1, 96, 3}; });
  refuses("another device", [](Views& v) { v.inputs[0].device = {DeviceKind::cuda, 7}; });

  Views good;  // and none of it harmed the context; packed strides are no strides
  good.inputs[0].strides = {3072, 1024, 32, 1};
  EXPECT_NO_THROW(context->infer(good.inputs, good.outputs));
}

TEST_P(Conformance, RefusesFilesThatAreNoModels) {
  for (const std::string name : {"truncated", "text", "empty", "unknown_type"}) {
    expect_error(ErrorKind::bad_input, name + ".onnx", [&] { (void)build(name); });
  }
  expect_error(ErrorKind::not_found, "absent.onnx", [&] { (void)build("absent"); });
}

TEST_P(Conformance, NamesTheOperatorItLacks) {
  expect_error(ErrorKind::bad_input, "Sparkle", [&] { (void)build("custom"); });
}

TEST_P(Conformance, NamesTheNodeWhoseShapesDoNotFit) {
  expect_error(ErrorKind::bad_input, "Conv", [&] { (void)build("misfit"); });
}

TEST_P(Conformance, RefusesABatchThatTheFileDoesNotOffer) {
  expect_error(ErrorKind::usage, "fixed batch 2", [&] { (void)build("fixed_batch"); });
  EngineConfig fixed = config("fixed_batch");
  fixed.batch = {2, 2, 2};
  EXPECT_NO_THROW((void)tested().build(fixed));
  for (const BatchRange range : {BatchRange{0, 1, 2}, {2, 1, 2}, {1, 3, 2}, {1, 1, 1 << 30}}) {
    EngineConfig bad = config("conv");
    bad.batch = range;
    expect_error(ErrorKind::usage, "batch range", [&] { (void)tested().build(bad); });
  }
}

TEST_P(Conformance, RefusesAnImageSizeThatTheGraphCannotTake) {
  EngineConfig resized = config("baked");
  resized.image_size = std::array{40, 40};
  expect_error(ErrorKind::usage, "export it at that size", [&] { (void)tested().build(resized); });
  resized.image_size = std::array{64, 64};  // four times the pixels: would quietly be more rows
  expect_error(ErrorKind::usage, "export it at that size", [&] { (void)tested().build(resized); });
  resized.image_size = std::array{32, 0};
  expect_error(ErrorKind::usage, "image size 0", [&] { (void)tested().build(resized); });
  expect_error(ErrorKind::usage, "give the image size", [&] { (void)build("large"); });
}

TEST_P(Conformance, RefusesAPrecisionThatTheFileDoesNotOffer) {
  EngineConfig wrong = config("conv");
  wrong.precision = Precision::int8;
  expect_error(ErrorKind::usage, "QuantizeLinear", [&] { (void)tested().build(wrong); });
  wrong = config("quantized");
  wrong.precision = Precision::fp32;
  expect_error(ErrorKind::usage, "QuantizeLinear", [&] { (void)tested().build(wrong); });
}

TEST_P(Conformance, RunsAFloatTypeOrSaysThatItLacksIt) {
  for (const Precision precision : {Precision::fp32, Precision::bf16, Precision::fp16}) {
    EngineConfig asked = config("conv");
    asked.precision = precision;
    try {
      EXPECT_EQ(tested().build(asked)->precision(), precision);
    } catch (const Error& error) {
      EXPECT_NE(precision, Precision::fp32) << "every backend has fp32";
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_NE(std::string(error.what()).find(to_string(precision)), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace caft::test
