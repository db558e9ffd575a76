// INT8 ranges from images, for TensorRT 10. TensorRT 11 has no calibrators.
#pragma once

#include <NvInfer.h>

#include <memory>

#include "engine/tensorrt/build.hpp"

namespace caft::tensorrt {

/// Whether this TensorRT has calibrators.
bool has_calibrators();

/// Gives `options` an IInt8EntropyCalibrator2 over plan.config.plan.calibration; what is returned
/// must outlive the build. The ranges it finds are kept in STORE/calibration-GRAPH-IMAGES.cache and
/// read again by later builds of the same graph and images, which then need no images.
std::shared_ptr<void> make_calibrator(nvinfer1::IBuilder& builder,
                                      nvinfer1::INetworkDefinition& network,
                                      nvinfer1::IBuilderConfig& options, const BuildPlan& plan);

}  // namespace caft::tensorrt
