// The layers of a compiled network, as TensorRT's inspector tells them.
#pragma once

#include <NvInferRuntime.h>

#include <string>
#include <vector>

#include "caft/engine/plan.hpp"

namespace caft::tensorrt {

/// Every layer with types and formats. A plan that was built without that detail gives names only.
std::vector<PlanLayer> read_layers(nvinfer1::ICudaEngine& engine);

/// The lowest precision that any layer computes in: int8, else fp16, else bf16, else fp32.
Precision widest_precision(const std::vector<PlanLayer>& layers);

/// What to tell somebody who asked for `wanted`; empty when the layers have it, or when `wanted` is
/// automatic. A layer that gives one of `outputs`, the plan's own, may give any type.
std::vector<std::string> precision_warnings(const std::vector<PlanLayer>& layers, Precision wanted,
                                            const std::vector<TensorInfo>& outputs);

}  // namespace caft::tensorrt
