// TensorRT 10 and 11 from one source: every difference between them is in versions.cpp.
//
// Two versions matter: the headers' (NV_TENSORRT_MAJOR, at compile time) and the library's
// (getInferLibVersion(), at run time). Newer headers with an older library of the same major work,
// but a call that the library lacks runs past its table of functions, so those calls ask first.
#pragma once

#include <NvInfer.h>

#include <filesystem>
#include <memory>
#include <string>

namespace caft::tensorrt {

/// "10.6.0" of the library that is loaded, and of the headers.
std::string library_version();
std::string header_version();

/// Whether the library's major version is the headers'. Nothing else may be called when it is not.
bool library_fits();

/// How a network's precision is said.
enum class Typing : std::uint8_t {
  strong,      ///< by the graph's own types, as TensorRT 11 does always
  int8_flags,  ///< TensorRT 10 only: kINT8 and kFP16, which let Q/DQ graphs run faster
};

/// Typing that this library offers for a Q/DQ graph: flags where it has them.
Typing quantized_typing();

std::unique_ptr<nvinfer1::INetworkDefinition> make_network(nvinfer1::IBuilder& builder,
                                                           Typing typing);
/// Sets the precision flags that go with `typing`.
void set_typing(nvinfer1::IBuilderConfig& config, Typing typing);

/// Reads a plan in pieces where the library has a stream reader (so that a large plan does not sit
/// in host memory twice), else whole. nullptr when TensorRT refuses it; throws Error(io).
std::unique_ptr<nvinfer1::ICudaEngine> deserialize(nvinfer1::IRuntime& runtime,
                                                   const std::filesystem::path& plan);

}  // namespace caft::tensorrt
