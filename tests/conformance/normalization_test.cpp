// Normalisation inside the engine: u8 NHWC in, the same numbers as normalised f32 NCHW.
#include <algorithm>
#include <random>

#include "conformance/harness.hpp"
#include "engine/expect_error.hpp"
#include "extract/normalizing_engine.hpp"

namespace caft::test {
namespace {

constexpr InputNormalization imagenet{{0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}};
constexpr std::int64_t rows = 5, side = 32;

std::vector<std::uint8_t> random_pixels() {
  std::mt19937 random(11);
  std::vector<std::uint8_t> pixels(rows * side * side * 3);
  for (std::uint8_t& pixel : pixels) pixel = static_cast<std::uint8_t>(random() >> 24);
  return pixels;
}

/// The definition, spelt out: (x / 255 - mean) / std, channels first.
Batch normalized(const std::vector<std::uint8_t>& pixels) {
  Batch batch{{}, {rows, 3, side, side}};
  for (std::int64_t n = 0; n < rows; ++n) {
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::int64_t i = 0; i < side * side; ++i) {
        const auto at = static_cast<std::size_t>((n * side * side + i) * 3) + c;
        batch.values.push_back((static_cast<float>(pixels[at]) / 255.0F - imagenet.mean[c]) /
                               imagenet.std[c]);
      }
    }
  }
  return batch;
}

std::vector<float> run_pixels(Context& context, std::vector<std::uint8_t> pixels) {
  std::vector<float> features(rows * 10), probabilities(rows * 10);
  const TensorView input{"images", pixels.data(), DType::u8, {rows, side, side, 3}, {},
                         {},       nullptr};
  const std::vector<TensorView> outputs{
      {"features", features.data(), DType::f32, {rows, 10}, {}, {}, nullptr},
      {"probabilities", probabilities.data(), DType::f32, {rows, 10}, {}, {}, nullptr}};
  context.infer({&input, 1}, outputs);
  return features;
}

TEST_P(Conformance, NormalizesBytesInsideTheEngine) {
  EngineConfig folded = config("conv");
  folded.normalization = imagenet;
  const auto engine = tested().build(folded);
  EXPECT_EQ(engine->inputs()[0].name, "images");
  EXPECT_EQ(engine->inputs()[0].dtype, DType::u8);
  EXPECT_EQ(engine->inputs()[0].shape, (std::vector<std::int64_t>{-1, side, side, 3}));
  const auto plain = build("conv");
  const auto plain_context = plain->create_context();
  const auto context = engine->create_context();
  std::vector<std::uint8_t> pixels = random_pixels();
  const Batch expected = run(*plain_context, *plain, normalized(pixels));
  EXPECT_LT(relative_error(expected.values, run_pixels(*context, pixels)), 1e-4);

  for (std::size_t i = 0; i < pixels.size(); i += 3) std::swap(pixels[i], pixels[i + 2]);
  EXPECT_GT(relative_error(expected.values, run_pixels(*context, pixels)), 1e-2)
      << "swapped colour channels went unnoticed";
}

TEST_P(Conformance, NormalizesOutsideWhereTheEngineDoesNot) {
  Preprocessing spec;
  spec.height = spec.width = side;
  const auto inner = std::shared_ptr<Engine>(build("conv"));
  const auto plain_context = inner->create_context();
  const std::shared_ptr<Engine> engine = normalizing(inner, spec);
  EXPECT_EQ(engine->inputs()[0].dtype, DType::u8);
  const auto context = engine->create_context();
  const std::vector<std::uint8_t> pixels = random_pixels();
  const Batch expected = run(*plain_context, *inner, normalized(pixels));
  EXPECT_LT(relative_error(expected.values, run_pixels(*context, pixels)), 1e-4);
  EXPECT_EQ(normalizing(engine, spec), engine) << "an engine that takes pixels is left as it is";
  spec.height = 40;
  expect_error(ErrorKind::mismatch, "[?, 3, 40, 32]", [&] { (void)normalizing(inner, spec); });
}

TEST_P(Conformance, NormalizationGoesWithAnotherImageSize) {
  EngineConfig folded = config("conv");
  folded.normalization = imagenet;
  folded.image_size = std::array{40, 48};
  EXPECT_EQ(tested().build(folded)->inputs()[0].shape, (std::vector<std::int64_t>{-1, 40, 48, 3}));
}

TEST_P(Conformance, RefusesNormalizationThatDividesByZero) {
  EngineConfig folded = config("conv");
  folded.normalization = InputNormalization{{0, 0, 0}, {1, 0, 1}};
  expect_error(ErrorKind::usage, "std", [&] { (void)tested().build(folded); });
}

}  // namespace
}  // namespace caft::test
