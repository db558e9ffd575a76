// What engines compute: agreement with onnxruntime, batches, order, threads, image sizes.
#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

#include "caft/core/error.hpp"
#include "conformance/harness.hpp"

namespace caft::test {
namespace {

constexpr double fp32_tolerance = 1e-4;
constexpr double half_tolerance = 2e-2;  // bf16 or fp16
// One step of the 8-bit scales of the quantized net is 1/255 of the range; two may differ in a row.
constexpr double int8_tolerance = 2e-2;

TEST_P(Conformance, NamesInputsAndOutputs) {
  const auto engine = build("conv");
  ASSERT_EQ(engine->inputs().size(), 1U);
  EXPECT_EQ(engine->inputs()[0].name, "images");
  EXPECT_EQ(engine->inputs()[0].dtype, DType::f32);
  EXPECT_EQ(engine->inputs()[0].shape, (std::vector<std::int64_t>{-1, 3, 32, 32}));
  ASSERT_EQ(engine->outputs().size(), 2U);
  EXPECT_EQ(engine->outputs()[0].name, "features");
  EXPECT_EQ(engine->outputs()[1].name, "probabilities");
  EXPECT_EQ(engine->outputs()[1].shape, (std::vector<std::int64_t>{-1, 10}));
  EXPECT_EQ(engine->batch().max, 9);
  EXPECT_GE(engine->preferred_contexts(), 1);
  EXPECT_EQ(engine->description().find(GetParam() + " "), 0U) << engine->description();
}

TEST_P(Conformance, AgreesWithOnnxruntime) {
  for (const std::string name : {"conv", "operators", "baked"}) {
    const auto engine = build(name);
    const auto context = engine->create_context();
    const Batch images = recorded(name, "images");
    for (const TensorInfo& output : engine->outputs()) {
      EXPECT_LT(relative_error(recorded(name, output.name).values,
                               run(*context, *engine, images, output.name).values),
                fp32_tolerance)
          << name << " " << output.name;
    }
  }
}

TEST_P(Conformance, AutomaticPrecisionIsRecordedAndAgrees) {
  EngineConfig automatic = config("conv");
  automatic.precision = Precision::automatic;
  const auto engine = tested().build(automatic);
  ASSERT_NE(engine->precision(), Precision::automatic);
  ASSERT_NE(engine->precision(), Precision::int8);
  const double tolerance = engine->precision() == Precision::fp32 ? fp32_tolerance : half_tolerance;
  const auto context = engine->create_context();
  const Batch result = run(*context, *engine, recorded("conv", "images"));
  EXPECT_LT(relative_error(recorded("conv", "features").values, result.values), tolerance);
}

TEST_P(Conformance, QuantizedNetRunsAsInt8) {
  for (const Precision asked : {Precision::int8, Precision::automatic}) {
    EngineConfig quantized = config("symmetric");
    quantized.precision = asked;
    const auto engine = tested().build(quantized);
    EXPECT_EQ(engine->precision(), Precision::int8);
    const auto context = engine->create_context();
    const Batch result = run(*context, *engine, recorded("symmetric", "images"));
    EXPECT_LT(relative_error(recorded("symmetric", "features").values, result.values),
              int8_tolerance);
  }
}

TEST_P(Conformance, ZeroPointsAreTakenOrRefusedByName) {
  EngineConfig quantized = config("quantized");
  quantized.precision = Precision::int8;
  std::unique_ptr<Engine> engine;
  try {
    engine = tested().build(quantized);
  } catch (const Error& error) {
    ASSERT_EQ(GetParam(), "tensorrt") << error.what();  // symmetric quantization only
    EXPECT_NE(std::string(error.what()).find("symmetric quantization"), std::string::npos);
    return;
  }
  const auto context = engine->create_context();
  const Batch result = run(*context, *engine, recorded("quantized", "images"));
  EXPECT_LT(relative_error(recorded("quantized", "features").values, result.values),
            int8_tolerance);
}

TEST_P(Conformance, EveryBatchSizeEqualsRowByRow) {
  const auto engine = build("conv");
  const auto context = engine->create_context();
  const Batch images = recorded("conv", "images");
  std::vector<float> row_by_row;
  for (std::int64_t i = 0; i < images.rows(); ++i) {
    const Batch row = run(*context, *engine, images.slice(i, 1));
    row_by_row.insert(row_by_row.end(), row.values.begin(), row.values.end());
  }
  for (std::int64_t rows = 1; rows <= engine->batch().max; ++rows) {
    const Batch batch = run(*context, *engine, images.slice(0, rows));
    const std::span expected(row_by_row.data(), batch.values.size());
    if (is_reference()) {
      EXPECT_TRUE(std::ranges::equal(expected, batch.values)) << rows << " rows";
    } else {
      EXPECT_LT(relative_error(expected, batch.values), 1e-5) << rows << " rows";
    }
  }
}

TEST_P(Conformance, RowsKeepTheirOrder) {
  const auto engine = build("conv");
  const auto context = engine->create_context();
  const Batch images = recorded("conv", "images");
  Batch reversed = images;
  for (std::int64_t i = 0; i < images.rows(); ++i) {
    std::ranges::copy(images.slice(images.rows() - 1 - i, 1).values,
                      reversed.values.begin() + i * static_cast<std::ptrdiff_t>(images.row_size()));
  }
  const Batch forwards = run(*context, *engine, images);
  const Batch backwards = run(*context, *engine, reversed);
  for (std::int64_t i = 0; i < images.rows(); ++i) {
    EXPECT_LT(relative_error(forwards.slice(i, 1).values,
                             backwards.slice(images.rows() - 1 - i, 1).values),
              1e-5);
  }
  EXPECT_GT(relative_error(forwards.values, backwards.values), 0.01) << "the rows are all alike";
}

TEST_P(Conformance, OneEngineServesThreadsWithTheirOwnContexts) {
  const auto engine = build("conv");
  const Batch images = recorded("conv", "images");
  const Batch expected = recorded("conv", "features");
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const auto context = engine->create_context();
      for (int i = 0; i < 20; ++i) {
        const std::int64_t rows = 1 + (i + t) % 6, first = (i * 2 + t) % 4;
        const Batch result = run(*context, *engine, images.slice(first, rows));
        const Batch part = expected.slice(first, rows);
        wrong += relative_error(part.values, result.values) < fp32_tolerance ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_P(Conformance, TakesAnotherImageSize) {
  EngineConfig resized = config("conv");
  resized.image_size = std::array{48, 40};
  const auto engine = tested().build(resized);
  EXPECT_EQ(engine->inputs()[0].shape, (std::vector<std::int64_t>{-1, 3, 48, 40}));
  const auto context = engine->create_context();
  const Batch result = run(*context, *engine, recorded("conv_48x40", "images"));
  EXPECT_LT(relative_error(recorded("conv_48x40", "features").values, result.values),
            fp32_tolerance);
}

TEST_P(Conformance, RunsLargePictures) {
  EngineConfig large = config("large");
  large.image_size = std::array{384, 512};
  const auto engine = tested().build(large);
  const auto context = engine->create_context();
  const Batch result = run(*context, *engine, recorded("large", "images"));
  EXPECT_LT(relative_error(recorded("large", "features").values, result.values), fp32_tolerance);
}

TEST_P(Conformance, LatencyModeAndOneThreadComputeTheSame) {
  EngineConfig single = config("conv");
  single.latency = true;
  single.threads = 1;
  single.batch = {1, 1, 1};
  const auto engine = tested().build(single);
  const auto context = engine->create_context();
  const Batch result = run(*context, *engine, recorded("conv", "images").slice(0, 1));
  EXPECT_LT(relative_error(recorded("conv", "features").slice(0, 1).values, result.values),
            fp32_tolerance);
}

}  // namespace
}  // namespace caft::test
