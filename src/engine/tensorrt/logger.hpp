// TensorRT's messages: to caft's log, and into the error of the call that caused them.
#pragma once

#include <NvInfer.h>

#include <string>

namespace caft::tensorrt {

/// One logger for the process, as TensorRT wants it. Thread-safe.
class Logger final : public nvinfer1::ILogger {
 public:
  void log(Severity severity, const char* message) noexcept override;
};

Logger& logger();

/// The errors that TensorRT has logged on this thread since `forget_errors`, joined to one line;
/// "TensorRT gave no reason" when there were none.
std::string logged_errors();
void forget_errors();

}  // namespace caft::tensorrt
