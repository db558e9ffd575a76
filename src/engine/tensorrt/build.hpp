// ONNX to plan.
#pragma once

#include <NvInfer.h>

#include <memory>
#include <string>

#include "caft/engine/engine.hpp"
#include "engine/tensorrt/versions.hpp"

namespace caft::tensorrt {

/// What is built: the configuration with its open ends decided.
struct BuildPlan {
  EngineConfig config;  ///< precision is never `automatic`
  Typing typing = Typing::strong;
  std::string onnx;                  ///< the rewritten model, serialised
  std::vector<BatchRange> profiles;  ///< config.batch and config.plan.more_profiles
  bool calibrated = false;           ///< int8 by config.plan.calibration, not by Q/DQ
};

/// Reads `config.onnx` and decides precision and graph: FP16 is a typed graph, INT8 the file's own
/// Q/DQ nodes, or a float file with calibration images where TensorRT has calibrators. Throws
/// Error: not_found, bad_input, usage.
BuildPlan prepare(const EngineConfig& config);

/// Compiles on the current device. Throws Error(bad_input) naming every node that TensorRT cannot
/// run, Error(interrupted) when `config.plan.cancelled` said so, Error(unavailable) when TensorRT
/// fails otherwise (out of memory, say).
std::unique_ptr<nvinfer1::IHostMemory> build(const BuildPlan& plan);

/// Puts the weights of `onnx`, serialised, into an engine that was built without.
void refit(nvinfer1::ICudaEngine& engine, const std::string& onnx);

/// Makes the operators of these shared libraries known, once a process. Throws Error(not_found |
/// bad_input).
void load_plugins(const std::vector<std::filesystem::path>& libraries);

}  // namespace caft::tensorrt
