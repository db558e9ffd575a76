#include "engine/tensorrt/build.hpp"

#include <NvOnnxParser.h>
#include <fmt/format.h>

#include <mutex>
#include <set>

#include "caft/core/error.hpp"
#include "engine/input_shape.hpp"
#include "engine/precision.hpp"
#include "engine/tensorrt/calibrator.hpp"
#include "engine/tensorrt/logger.hpp"
#include "engine/tensorrt/parser_errors.hpp"
#include "engine/tensorrt/progress_monitor.hpp"
#include "engine/tensorrt/timing_cache.hpp"
#include "engine/views.hpp"
#include "graph/onnx_model.hpp"
#include "graph/rewrite.hpp"

namespace caft::tensorrt {
namespace {

using nvinfer1::BuilderFlag;

[[noreturn]] void fail(ErrorKind kind, const std::string& what) {
  throw Error(kind, what + ": " + logged_errors());
}

Precision choose(const EngineConfig& config, bool quantized) {
  if (config.precision == Precision::automatic && !quantized) return Precision::fp16;
  return choose_precision(config.precision, quantized, {.bf16 = false, .fp16 = true}, "tensorrt",
                          config.onnx);
}

void set_profiles(nvinfer1::IBuilder& builder, nvinfer1::IBuilderConfig& options,
                  nvinfer1::INetworkDefinition& network, const BuildPlan& plan) {
  using nvinfer1::OptProfileSelector;
  for (const BatchRange& range : plan.profiles) {
    nvinfer1::IOptimizationProfile* profile = builder.createOptimizationProfile();
    for (int i = 0; i < network.getNbInputs(); ++i) {
      nvinfer1::ITensor& input = *network.getInput(i);
      nvinfer1::Dims shape = input.getDimensions();
      const auto set = [&](OptProfileSelector which, int rows) {
        shape.d[0] = rows;
        return profile->setDimensions(input.getName(), which, shape);
      };
      if (shape.nbDims < 1 || !set(OptProfileSelector::kMIN, range.min) ||
          !set(OptProfileSelector::kOPT, range.opt) || !set(OptProfileSelector::kMAX, range.max)) {
        fail(ErrorKind::usage, fmt::format("{}: input '{}' cannot take batches of {}:{}:{}",
                                           plan.config.onnx.string(), input.getName(), range.min,
                                           range.opt, range.max));
      }
    }
    if (options.addOptimizationProfile(profile) < 0) {
      fail(ErrorKind::usage,
           fmt::format("{}: TensorRT refuses the batch profile {}:{}:{}", plan.config.onnx.string(),
                       range.min, range.opt, range.max));
    }
  }
}

void set_dla(nvinfer1::IBuilder& builder, nvinfer1::IBuilderConfig& options, int core) {
  if (core < 0) return;
  if (core >= builder.getNbDLACores()) {
    throw Error(
        ErrorKind::usage,
        fmt::format("there is no DLA core {}: this platform has {}", core, builder.getNbDLACores()),
        "leave --dla-core out to run on the GPU");
  }
  options.setDefaultDeviceType(nvinfer1::DeviceType::kDLA);
  options.setDLACore(core);
  options.setFlag(BuilderFlag::kGPU_FALLBACK);
}

void set_options(nvinfer1::IBuilder& builder, nvinfer1::IBuilderConfig& options,
                 const BuildPlan& plan) {
  using nvinfer1::MemoryPoolType;
  const PlanOptions& wanted = plan.config.plan;
  set_typing(options, plan.typing);
  if (!wanted.tf32 || plan.config.precision != Precision::fp32) {
    options.clearFlag(BuilderFlag::kTF32);
  }
  if (wanted.workspace_mib > 0) {
    options.setMemoryPoolLimit(MemoryPoolType::kWORKSPACE, wanted.workspace_mib << 20U);
  }
  if (wanted.tactic_shared_memory_kib > 0) {
    options.setMemoryPoolLimit(MemoryPoolType::kTACTIC_SHARED_MEMORY,
                               wanted.tactic_shared_memory_kib << 10U);
  }
  options.setBuilderOptimizationLevel(wanted.optimization_level);
  // Layers with their types and formats, for `inspect` and `profile`; it costs a little plan size.
  options.setProfilingVerbosity(nvinfer1::ProfilingVerbosity::kDETAILED);
  if (wanted.version_compatible) options.setFlag(BuilderFlag::kVERSION_COMPATIBLE);
  if (wanted.hardware_compatible) {
    options.setHardwareCompatibilityLevel(nvinfer1::HardwareCompatibilityLevel::kAMPERE_PLUS);
  }
  if (wanted.strip_weights) {
    options.setFlag(BuilderFlag::kSTRIP_PLAN);
    options.setFlag(BuilderFlag::kREFIT_IDENTICAL);
  }
  set_dla(builder, options, wanted.dla_core);
}

/// Whether ranges are to be found by calibration. Throws Error(usage) where they cannot be.
bool wants_calibration(const EngineConfig& config, bool quantized) {
  if (!config.plan.calibration) return false;
  if (config.precision != Precision::int8 || quantized) {
    throw Error(ErrorKind::usage,
                "calibration images are for --precision int8 and a float ONNX file",
                quantized ? config.onnx.string() + " has its scales in it" : "");
  }
  if (!has_calibrators()) {
    throw Error(ErrorKind::usage, "TensorRT " + library_version() + " has no calibrators",
                "quantize the ONNX file (Q/DQ nodes) instead");
  }
  if (!config.normalization) {
    throw Error(ErrorKind::usage, "calibration needs an engine that takes pixels");
  }
  return true;
}

}  // namespace

BuildPlan prepare(const EngineConfig& config) {
  const OnnxModel model = OnnxModel::load(config.onnx);
  BuildPlan plan{.config = config};
  plan.calibrated = wants_calibration(config, model.is_quantized());
  if (!plan.calibrated) plan.config.precision = choose(config, model.is_quantized());
  const bool quantized = plan.config.precision == Precision::int8;
  if (plan.calibrated || quantized) plan.typing = quantized_typing();
  for (const OnnxValue& input : model.inputs()) (void)input_shape(input, config);  // it checks
  if (config.normalization) check_normalizable(model.inputs(), config);
  plan.onnx = rewrite_graph(model, {.half = plan.config.precision == Precision::fp16 ||
                                            (quantized && plan.typing == Typing::strong),
                                    .normalization = config.normalization,
                                    .image_size = config.image_size});
  plan.profiles = config.plan.more_profiles;
  plan.profiles.insert(plan.profiles.begin(), config.batch);
  return plan;
}

std::unique_ptr<nvinfer1::IHostMemory> build(const BuildPlan& plan) {
  const std::string name = plan.config.onnx.string();
  forget_errors();
  const std::unique_ptr<nvinfer1::IBuilder> builder(nvinfer1::createInferBuilder(logger()));
  if (!builder) fail(ErrorKind::unavailable, "TensorRT cannot make a builder");
  const auto network = make_network(*builder, plan.typing);
  // The parser owns the weights that the network points to: it is destroyed after the build.
  const std::unique_ptr<nvonnxparser::IParser> parser(
      nvonnxparser::createParser(*network, logger()));
  if (!network || !parser) fail(ErrorKind::unavailable, "TensorRT cannot make a network");
  if (!parser->parse(plan.onnx.data(), plan.onnx.size(), plan.config.onnx.c_str())) {
    throw_parser_errors(plan.config, *parser);
  }
  const std::unique_ptr<nvinfer1::IBuilderConfig> options(builder->createBuilderConfig());
  set_options(*builder, *options, plan);
  set_profiles(*builder, *options, *network, plan);

  const auto calibrator = plan.calibrated ? make_calibrator(*builder, *network, *options, plan)
                                          : std::shared_ptr<void>();
  TimingCache timing(plan.config.plan.store, *options);
  BuildProgress progress(plan.config.plan, plan.config.onnx.stem().string());
  options->setProgressMonitor(&progress);
  forget_errors();
  std::unique_ptr<nvinfer1::IHostMemory> result(
      builder->buildSerializedNetwork(*network, *options));
  progress.finish();
  if (progress.stopped())
    throw Error(ErrorKind::interrupted, "the build of " + name + " was stopped");
  if (!result || result->size() == 0) {
    if (plan.config.image_size) {
      fail(ErrorKind::usage,
           "TensorRT cannot build " + name + " at this image size; export it at that size, or see");
    }
    fail(ErrorKind::bad_input, "TensorRT cannot build " + name);
  }
  timing.save(*options);
  return result;
}

void refit(nvinfer1::ICudaEngine& engine, const std::string& onnx) {
  forget_errors();
  const std::unique_ptr<nvinfer1::IRefitter> refitter(
      nvinfer1::createInferRefitter(engine, logger()));
  if (!refitter) fail(ErrorKind::mismatch, "TensorRT cannot refit the plan");
  const std::unique_ptr<nvonnxparser::IParserRefitter> parser(
      nvonnxparser::createParserRefitter(*refitter, logger()));
  if (!parser || !parser->refitFromBytes(onnx.data(), onnx.size()) ||
      !refitter->refitCudaEngine()) {
    fail(ErrorKind::mismatch, "the plan does not take the ONNX file's weights");
  }
}

void load_plugins(const std::vector<std::filesystem::path>& libraries) {
  static std::mutex mutex;
  static std::set<std::filesystem::path> loaded;
  const std::lock_guard lock(mutex);
  for (const std::filesystem::path& library : libraries) {
    if (!std::filesystem::exists(library)) {
      throw Error(ErrorKind::not_found, "plugin library " + library.string() + " does not exist");
    }
    const std::filesystem::path file = std::filesystem::canonical(library);
    if (!loaded.insert(file).second) continue;
    forget_errors();
    if (getPluginRegistry()->loadLibrary(file.c_str()) == nullptr) {
      loaded.erase(file);
      fail(ErrorKind::bad_input, "TensorRT cannot load the plugin library " + file.string());
    }
  }
}

}  // namespace caft::tensorrt
