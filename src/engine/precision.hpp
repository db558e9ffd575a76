// Which arithmetic a request for a precision comes to: one rule for all backends.
#pragma once

#include <filesystem>

#include "caft/engine/engine.hpp"

namespace caft {

/// What a backend has on this device, apart from FP32.
struct PrecisionSupport {
  bool bf16 = false;
  bool fp16 = false;
};

/// The precision to build for. A file with Q/DQ nodes runs as int8 and as nothing else, since its
/// numbers are only right with its scales; any other file runs in the float type asked for.
/// `automatic` is int8 for a Q/DQ file, else bf16 where the device has it, else fp32.
/// Throws Error(usage), naming `onnx`, when the two do not go together or `backend` lacks the type.
Precision choose_precision(Precision requested, bool quantized, const PrecisionSupport& support,
                           std::string_view backend, const std::filesystem::path& onnx);

}  // namespace caft
