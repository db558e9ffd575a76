#include "caft/extract/backbone.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "caft/core/error.hpp"
#include "caft/core/safetensors.hpp"
#include "caft/engine/plan.hpp"
#include "core/log.hpp"
#include "extract/calibration.hpp"
#include "extract/normalizing_engine.hpp"

namespace caft {
namespace {

Preprocessing adapted(Preprocessing spec, const BackboneOptions& options) {
  if (options.image_size > 0 && options.image_size != spec.height) {
    // Resize keeps its proportion to the crop, as torchvision's evaluation recipes do.
    spec.resize = static_cast<int>(
        std::lround(static_cast<double>(spec.resize) * options.image_size / spec.height));
    spec.height = spec.width = options.image_size;
  }
  if (options.squash) spec.mode = ResizeMode::exact;
  spec.exif_orientation = options.exif_orientation;
  return spec;
}

/// Least cosine of the rows of `a` and `b` [rows, dim] after subtracting b's mean row: without
/// that, features that all share a large common part would agree whatever the engine did.
double least_centred_cosine(std::span<const float> a, std::span<const float> b, std::size_t rows) {
  const std::size_t dim = a.size() / rows;
  std::vector<double> mean(dim, 0.0);
  for (std::size_t i = 0; i < b.size(); ++i) mean[i % dim] += b[i] / static_cast<double>(rows);
  double least = 1;
  for (std::size_t r = 0; r < rows; ++r) {
    double dot = 0, aa = 0, bb = 0;
    for (std::size_t d = 0; d < dim; ++d) {
      const double x = a[r * dim + d] - mean[d];
      const double y = b[r * dim + d] - mean[d];
      dot += x * y;
      aa += x * x;
      bb += y * y;
    }
    const double cosine = dot / std::sqrt(aa * bb);
    least = std::isfinite(cosine) ? std::min(least, cosine) : -1;
  }
  return least;
}

double run_golden_sample(const Backbone& backbone, Engine& engine) {
  const SafeTensorsFile golden = SafeTensorsFile::open(backbone.card.golden);
  const SafeTensorInfo& info = golden.tensor("images");
  const Preprocessing& spec = backbone.preprocessing;
  const std::vector<float> expected = golden.read_f32("features");
  const auto dim = static_cast<std::size_t>(backbone.card.feature_dim);
  if (info.dtype != DType::u8 || info.shape.size() != 4 || info.shape[0] == 0 ||
      expected.size() != info.shape[0] * dim) {
    throw Error(ErrorKind::bad_input, backbone.card.golden.string() +
                                          " does not hold images u8 [N,H,W,3] and features [N,D]");
  }
  if (info.shape[1] != static_cast<std::uint64_t>(spec.height) ||
      info.shape[2] != static_cast<std::uint64_t>(spec.width) || info.shape[3] != 3) {
    return 1;  // another image size was asked for: the golden sample does not apply
  }
  std::vector<std::byte> images = golden.read("images");
  const std::size_t rows = info.shape[0];
  const std::size_t image_bytes = images.size() / rows;
  std::vector<float> features(expected.size());
  const std::unique_ptr<Context> context = engine.create_context();
  const auto most = static_cast<std::size_t>(engine.batch().max);
  for (std::size_t first = 0; first < rows; first += most) {
    const std::size_t count = std::min(most, rows - first);
    run_batch(backbone, *context,
              reinterpret_cast<std::uint8_t*>(images.data()) + first * image_bytes,
              features.data() + first * dim, count);
  }
  return least_centred_cosine(features, expected, rows);
}

/// Throws Error(mismatch) where `engine` is not the network that the card describes; otherwise its
/// golden cosine.
double check_engine(const Backbone& backbone, Engine& engine) {
  const std::vector<TensorInfo>& outputs = engine.outputs();
  if (outputs.size() != 1 || outputs[0].shape.size() != 2 ||
      outputs[0].shape[1] != backbone.card.feature_dim) {
    throw Error(ErrorKind::mismatch,
                fmt::format("{} at {} x {} pixels does not give [N, {}] features",
                            backbone.card.name, backbone.preprocessing.height,
                            backbone.preprocessing.width, backbone.card.feature_dim),
                "export it at that size: caft zoo export NAME --image-size N");
  }
  const double cosine = run_golden_sample(backbone, engine);
  const Precision precision = engine.precision();
  if (!(cosine >= golden_threshold(precision))) {
    throw Error(
        ErrorKind::mismatch,
        fmt::format("{} in {} on {} differs from PyTorch on its golden sample (cosine "
                    "{:.5f}, at least {} is needed)",
                    backbone.card.name, to_string(precision), engine.description(), cosine,
                    golden_threshold(precision)),
        precision == Precision::fp32 ? "export the backbone again" : "use --precision fp32");
  }
  if (PlanEngine* plan = engine.plan()) plan->record_golden(cosine);
  log_debug("{}: golden cosine {:.6f} in {}", backbone.card.name, cosine, to_string(precision));
  return cosine;
}

BackboneCard find_card(const std::string& name_or_card) {
  const std::filesystem::path path(name_or_card);
  if (path.extension() == ".json" || name_or_card.find('/') != std::string::npos) {
    return BackboneCard::load(std::filesystem::is_directory(path) ? path / "card.json" : path);
  }
  return Store().find(name_or_card);
}

}  // namespace

void run_batch(const Backbone& backbone, Context& context, std::uint8_t* images, float* features,
               std::size_t count) {
  const auto n = static_cast<std::int64_t>(count);
  const TensorView input{
      .name = backbone.card.input,
      .data = images,
      .dtype = DType::u8,
      .shape = {n, backbone.preprocessing.height, backbone.preprocessing.width, 3}};
  const TensorView output{.name = backbone.card.output,
                          .data = features,
                          .dtype = DType::f32,
                          .shape = {n, backbone.card.feature_dim}};
  context.infer({&input, 1}, {&output, 1});
}

BatchRange engine_batch(std::string_view backend, int asked) {
  const int batch = asked > 0 ? asked : backend == "tensorrt" ? 256 : 16;
  return {.min = 1, .opt = batch, .max = batch};
}

double golden_threshold(Precision precision) {
  switch (precision) {
    case Precision::fp16:
    case Precision::bf16:
      return 0.95;
    case Precision::int8:
      return 0.9;
    default:
      return 0.9999;
  }
}

Backbone open_backbone(const std::string& name_or_card, const BackboneOptions& options) {
  Backbone backbone{.card = find_card(name_or_card)};
  backbone.card.verify_hash();
  backbone.preprocessing = adapted(backbone.card.preprocessing, options);
  const Preprocessing& spec = backbone.preprocessing;
  const Backend& maker = options.backend.empty() ? default_backend() : backend(options.backend);
  backbone.backend = maker.name();

  EngineConfig config;
  config.onnx = backbone.card.onnx;
  config.precision = options.precision;
  config.batch = engine_batch(maker.name(), options.batch);
  config.normalization = InputNormalization{.mean = spec.mean, .std = spec.std};
  if (spec.height != backbone.card.preprocessing.height ||
      spec.width != backbone.card.preprocessing.width) {
    config.image_size = {spec.height, spec.width};
  }
  config.threads = options.threads;
  config.latency = options.latency;
  config.device_index = options.device;
  config.plan = options.plan;
  if (!options.calibration.empty()) {
    config.plan.calibration =
        calibration_over(options.calibration, spec, options.calibration_batch);
  }
  backbone.engine = normalizing(maker.build(config), spec);
  backbone.golden_cosine = check_engine(backbone, *backbone.engine);
  for (const int device : options.more_devices) {
    config.device_index = device;
    backbone.replicas.push_back(normalizing(maker.build(config), spec));
    if (backbone.replicas.back()->device() == backbone.engine->device())
      throw Error(ErrorKind::usage, fmt::format("{} does not run on several devices", maker.name()),
                  "use --backend tensorrt, or leave --devices out");
    backbone.golden_cosine =
        std::min(backbone.golden_cosine, check_engine(backbone, *backbone.replicas.back()));
  }
  return backbone;
}

}  // namespace caft
