// What TensorRT's ONNX parser could not read, in one line.
#pragma once

#include <NvOnnxParser.h>

#include "caft/engine/engine.hpp"

namespace caft::tensorrt {

/// Throws Error(bad_input), or Error(usage) when another image size than the file's was asked for:
/// every node that the parser refused, with its operator, the parser's reason and a hint.
[[noreturn]] void throw_parser_errors(const EngineConfig& config,
                                      const nvonnxparser::IParser& parser);

}  // namespace caft::tensorrt
