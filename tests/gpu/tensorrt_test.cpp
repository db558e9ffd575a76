// What is TensorRT's own, beside the conformance suite: device memory, CUDA graphs, the plan store,
// stripped weights, profiles, foreign plans, cancellation.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <numeric>
#include <random>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "caft/engine/plan.hpp"
#include "caft/tensorrt/infer.hpp"
#include "conformance/nets.hpp"
#include "cuda/runtime.hpp"
#include "engine/expect_error.hpp"
#include "temp_folder.hpp"

namespace caft::test {
namespace {

constexpr double fp16_tolerance = 2e-2;
constexpr double fp32_tolerance = 1e-4;

class TensorRt : public ::testing::Test {
 protected:
  [[nodiscard]] EngineConfig config(const std::string& name = "conv") const {
    EngineConfig config;
    config.onnx = net(name);
    config.precision = Precision::fp32;
    config.batch = {1, 4, 9};
    config.plan.tf32 = false;
    config.plan.optimization_level = 0;
    config.plan.store = store_.path();
    return config;
  }
  [[nodiscard]] static std::unique_ptr<Engine> build(const EngineConfig& config) {
    return backend("tensorrt").build(config);
  }
  [[nodiscard]] std::vector<std::filesystem::path> plans() const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(store_.path())) {
      if (entry.path().extension() == ".plan") found.push_back(entry.path());
    }
    return found;
  }
  static void expect_right(Engine& engine, double tolerance, std::int64_t rows = 9,
                           const std::string& name = "conv") {
    const auto context = engine.create_context();
    const Batch images = recorded(name, "images").slice(0, rows);
    const Batch expected = recorded(name, "features").slice(0, rows);
    for (int i = 0; i < 3; ++i) {  // the third run is a CUDA graph
      EXPECT_LT(relative_error(expected.values, run(*context, engine, images).values), tolerance)
          << "run " << i << " of " << rows << " rows";
    }
  }
  TempFolder store_;
};

TEST_F(TensorRt, GraphsServeAnyOrderOfBatchSizes) {
  const auto engine = build(config());
  const auto context = engine->create_context();
  const Batch images = recorded("conv", "images"), expected = recorded("conv", "features");
  // More sizes than a context keeps, and each often enough to be captured.
  for (const int rows : {9, 9, 9, 1, 1, 1, 9, 4, 4, 4, 2, 2, 2, 7, 7, 7, 3, 3, 3, 9, 9, 9, 1}) {
    const Batch result = run(*context, *engine, images.slice(9 - rows, rows));
    EXPECT_LT(relative_error(expected.slice(9 - rows, rows).values, result.values), fp32_tolerance)
        << rows;
  }
}

TEST_F(TensorRt, RunsOnDeviceMemoryInTheCallersStream) {
  const auto engine = build(config());
  const auto context = engine->create_context();
  const Batch images = recorded("conv", "images"), expected = recorded("conv", "features");
  const cuda::Stream stream = cuda::make_stream();
  cuda::DeviceBuffer<float> in(images.values.size()), out(expected.values.size()),
      probabilities(expected.values.size());
  const Device gpu{DeviceKind::cuda, 0};
  const TensorView input{"images", in.data(), DType::f32, images.shape, {}, gpu, stream.get()};
  const std::vector<TensorView> outputs{
      {"features", out.data(), DType::f32, expected.shape, {}, gpu, stream.get()},
      {"probabilities", probabilities.data(), DType::f32, expected.shape, {}, gpu, stream.get()}};
  for (int i = 0; i < 4; ++i) {
    Batch shifted = images;
    std::ranges::rotate(shifted.values, shifted.values.begin() +
                                            i * static_cast<std::ptrdiff_t>(images.row_size()));
    std::vector<float> result(expected.values.size(), -1);
    cuda::check(cudaMemcpyAsync(in.data(), shifted.values.data(), in.bytes(),
                                cudaMemcpyHostToDevice, stream.get()),
                "in");
    context->infer({&input, 1}, outputs);
    cuda::check(cudaMemcpyAsync(result.data(), out.data(), out.bytes(), cudaMemcpyDeviceToHost,
                                stream.get()),
                "out");
    cuda::check(cudaStreamSynchronize(stream.get()), "stream");
    Batch right = expected;
    std::ranges::rotate(right.values,
                        right.values.begin() + i * static_cast<std::ptrdiff_t>(right.row_size()));
    EXPECT_LT(relative_error(right.values, result), fp32_tolerance) << "run " << i;
  }
}

TEST_F(TensorRt, InferSplitsWhatIsTooLarge) {
  TensorRTInfer infer(config());
  const Batch images = recorded("conv", "images"), expected = recorded("conv", "features");
  std::vector<float> pixels, right;
  for (int i = 0; i < 4; ++i) {  // 36 rows through batches of at most 9
    pixels.insert(pixels.end(), images.values.begin(), images.values.end());
    right.insert(right.end(), expected.values.begin(), expected.values.end());
  }
  std::vector<float> features(right.size()), probabilities(right.size());
  const TensorView input{"images", pixels.data(), DType::f32, {36, 3, 32, 32}, {}, {}, nullptr};
  const std::vector<TensorView> outputs{
      {"features", features.data(), DType::f32, {36, 10}, {}, {}, nullptr},
      {"probabilities", probabilities.data(), DType::f32, {36, 10}, {}, {}, nullptr}};
  infer.infer({&input, 1}, outputs);
  EXPECT_LT(relative_error(right, features), fp32_tolerance);
  TensorRTInfer other = infer.another();
  std::ranges::fill(features, 0.0F);
  other.infer({&input, 1}, outputs);
  EXPECT_LT(relative_error(right, features), fp32_tolerance);
}

TEST_F(TensorRt, HalfIsTypedAndSaysSo) {
  EngineConfig half = config();
  half.precision = Precision::automatic;
  const auto engine = build(half);
  EXPECT_EQ(engine->precision(), Precision::fp16);
  expect_right(*engine, fp16_tolerance);
  const PlanSummary summary = engine->plan()->inspect();
  EXPECT_FALSE(summary.layers.empty());
  EXPECT_TRUE(std::ranges::any_of(summary.layers, [](const PlanLayer& layer) {
    return std::ranges::find(layer.precisions, "half") != layer.precisions.end();
  })) << "no layer computes in half";
}

TEST_F(TensorRt, AStoredPlanIsUsedAgain) {
  expect_right(*build(config()), fp32_tolerance);
  ASSERT_EQ(plans().size(), 1U);
  const auto written = std::filesystem::last_write_time(plans()[0]);
  const auto engine = build(config());
  EXPECT_EQ(std::filesystem::last_write_time(plans()[0]), written) << "it was built again";
  expect_right(*engine, fp32_tolerance);
  engine->plan()->record_golden(0.5);
  EXPECT_NE(read_text(plans()[0].parent_path() / (plans()[0].stem().string() + ".json"))
                .find("\"golden_cosine\": 0.5"),
            std::string::npos);
  EngineConfig other = config();
  other.batch = {1, 2, 3};
  (void)build(other);
  EXPECT_EQ(plans().size(), 2U) << "another profile is another plan";
}

TEST_F(TensorRt, ADamagedPlanIsBuiltAgain) {
  (void)build(config());
  const std::filesystem::path plan = plans().at(0);
  std::fstream file(plan, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(plan) / 2));
  file.write("damage", 6);
  file.close();
  expect_right(*build(config()), fp32_tolerance);

  std::filesystem::path manifest = plan;
  manifest.replace_extension(".json");
  std::ofstream(manifest) << "{}";
  expect_right(*build(config()), fp32_tolerance);
  EXPECT_NE(read_text(manifest).find("plan_sha256"), std::string::npos);
}

TEST_F(TensorRt, StrippedPlansTakeTheirWeightsFromTheOnnxFile) {
  EngineConfig stripped = config();
  stripped.plan.strip_weights = true;
  expect_right(*build(stripped), fp32_tolerance);
  expect_right(*build(stripped), fp32_tolerance);  // from the store
}

TEST_F(TensorRt, EachBatchRunsInTheProfileThatFitsIt) {
  EngineConfig two = config();
  two.batch = {1, 1, 2};
  two.plan.more_profiles = {{3, 8, 9}};
  const auto engine = build(two);
  EXPECT_EQ(engine->batch().min, 1);
  EXPECT_EQ(engine->batch().max, 9);
  ASSERT_EQ(engine->plan()->inspect().profiles.size(), 2U);
  for (const std::int64_t rows : {1, 2, 3, 8, 9}) expect_right(*engine, fp32_tolerance, rows);
}

TEST_F(TensorRt, AForeignPlanRunsAsItIs) {
  (void)build(config());
  TempFolder elsewhere;
  std::filesystem::copy_file(plans().at(0), elsewhere / "mine.plan");
  EngineConfig foreign;
  foreign.plan.trusted_plan = elsewhere / "mine.plan";
  const auto engine = build(foreign);
  EXPECT_TRUE(engine->plan()->inspect().foreign);
  EXPECT_EQ(engine->precision(), Precision::fp32);
  expect_right(*engine, fp32_tolerance);
  expect_right(TensorRTInfer(elsewhere / "mine.plan").engine(), fp32_tolerance);

  std::ofstream(elsewhere / "not.plan") << "this is no plan";
  foreign.plan.trusted_plan = elsewhere / "not.plan";
  expect_error(ErrorKind::mismatch, "not.plan", [&] { (void)build(foreign); });
  foreign.plan.trusted_plan = elsewhere / "absent.plan";
  expect_error(ErrorKind::not_found, "absent.plan", [&] { (void)build(foreign); });
}

TEST_F(TensorRt, ABuildCanBeStopped) {
  EngineConfig stopped = config();
  int asked = 0;
  stopped.plan.cancelled = [&] { return ++asked > 1; };
  expect_error(ErrorKind::interrupted, "conv.onnx", [&] { (void)build(stopped); });
  EXPECT_TRUE(plans().empty());
  expect_right(*build(config()), fp32_tolerance);
}

TEST_F(TensorRt, OptionsReachTheBuilder) {
  EngineConfig options = config();
  options.plan.workspace_mib = 64;
  options.plan.tactic_shared_memory_kib = 64;
  options.plan.hardware_compatible = true;
  expect_right(*build(options), fp32_tolerance);
  options.plan.dla_core = 0;
  expect_error(ErrorKind::usage, "DLA core 0", [&] { (void)build(options); });
  options.plan.dla_core = -1;
  options.plan.plugins = {"/absent/libplugin.so"};
  expect_error(ErrorKind::not_found, "/absent/libplugin.so", [&] { (void)build(options); });
  options.plan.plugins = {net("conv")};
  expect_error(ErrorKind::bad_input, "conv.onnx", [&] { (void)build(options); });
  options.plan.plugins.clear();
  options.plan.optimization_level = 6;
  expect_error(ErrorKind::usage, "0 to 5", [&] { (void)build(options); });
}

TEST_F(TensorRt, CalibratesWhatHasNoScales) {
  EngineConfig calibrated = config();
  calibrated.normalization = InputNormalization{{0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}};
  const auto exact = build(calibrated);
  std::mt19937 random(3);
  int batches = 0;
  calibrated.precision = Precision::int8;
  calibrated.plan.calibration = Calibration{.next =
                                                [&](std::span<std::uint8_t> pixels) {
                                                  for (std::uint8_t& p : pixels) p = random() >> 24;
                                                  return ++batches <= 8;
                                                },
                                            .batch = 4,
                                            .id = "noise"};
  const auto engine = build(calibrated);
  EXPECT_EQ(batches, 9) << "every batch, and the end";
  EXPECT_EQ(engine->precision(), Precision::int8);
  std::vector<std::uint8_t> pixels(9 * 32 * 32 * 3);
  for (std::uint8_t& p : pixels) p = random() >> 24;
  std::vector<float> rounded(90), right(90), unused(90);
  const TensorView input{"images", pixels.data(), DType::u8, {9, 32, 32, 3}, {}, {}, nullptr};
  const auto features = [&](Engine& of, std::vector<float>& to) {
    const std::vector<TensorView> outputs{
        {"features", to.data(), DType::f32, {9, 10}, {}, {}, nullptr},
        {"probabilities", unused.data(), DType::f32, {9, 10}, {}, {}, nullptr}};
    of.create_context()->infer({&input, 1}, outputs);
  };
  features(*exact, right);
  features(*engine, rounded);
  EXPECT_LT(relative_error(right, rounded), 0.1);

  batches = 100;  // no image is left: the kept ranges must do
  calibrated.plan.rebuild = true;
  features(*build(calibrated), rounded);
  EXPECT_LT(relative_error(right, rounded), 0.1);
  calibrated.onnx = net("symmetric");
  expect_error(ErrorKind::usage, "symmetric.onnx has its scales", [&] { (void)build(calibrated); });
}

TEST_F(TensorRt, VersionCompatiblePlansRunWhereTheLeanRuntimeIs) {
  EngineConfig options = config();
  options.plan.version_compatible = true;
  std::unique_ptr<Engine> engine;
  try {
    engine = build(options);
  } catch (const Error& error) {  // it is a library of its own, which not every package has
    ASSERT_NE(std::string(error.what()).find("libnvinfer_lean"), std::string::npos) << error.what();
    GTEST_SKIP() << error.what();
  }
  expect_right(*engine, fp32_tolerance);
}

TEST_F(TensorRt, ADeviceThatIsNotThereIsNamed) {
  EngineConfig wrong = config();
  wrong.device_index = 99;
  expect_error(ErrorKind::unavailable, "GPU 99", [&] { (void)build(wrong); });
}

TEST_F(TensorRt, MeasuresAndProfiles) {
  const auto engine = build(config());
  for (const bool transfers : {true, false}) {
    const PlanMeasurement line = engine->plan()->measure(
        {.batch = 4, .streams = 2, .transfers = transfers, .warm_up = 0.05, .seconds = 0.2});
    EXPECT_GT(line.runs, 10);
    EXPECT_GT(line.images_per_second, 100);
    EXPECT_TRUE(line.graph);
    EXPECT_LE(line.latency.p50, line.latency.p99);
    if (transfers) {
      EXPECT_GT(line.gpu.p50, 0);
      EXPECT_LT(line.gpu.p50, line.latency.p50);
    }
  }
  const std::vector<LayerTime> layers = engine->plan()->profile(4, 10);
  ASSERT_FALSE(layers.empty());
  EXPECT_TRUE(std::ranges::is_sorted(layers, std::greater{}, &LayerTime::milliseconds));
  const double sum = std::accumulate(layers.begin(), layers.end(), 0.0,
                                     [](double s, const LayerTime& l) { return s + l.share; });
  EXPECT_NEAR(sum, 1, 1e-6);
  expect_error(ErrorKind::usage, "batch of 10",
               [&] { (void)engine->plan()->measure({.batch = 10}); });
}

}  // namespace
}  // namespace caft::test
