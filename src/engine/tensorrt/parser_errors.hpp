// What TensorRT's ONNX parser could not read, in one line.
#pragma once

#include <NvOnnxParser.h>

#include <string>

namespace caft::tensorrt {

/// Throws Error(bad_input): every node that the parser refused, with its operator, the parser's
/// reason and a hint.
[[noreturn]] void throw_parser_errors(const std::string& file, const nvonnxparser::IParser& parser);

}  // namespace caft::tensorrt
