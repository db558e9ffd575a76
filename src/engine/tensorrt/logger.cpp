#include "engine/tensorrt/logger.hpp"

#include <exception>
#include <string_view>

#include "core/log.hpp"

namespace caft::tensorrt {
namespace {

constexpr std::size_t max_errors = 600;

/// What this thread's calls have logged as errors.
std::string& errors() {
  thread_local std::string text;
  return text;
}

}  // namespace

void Logger::log(Severity severity, const char* message) noexcept {
  try {
    switch (severity) {
      case Severity::kINTERNAL_ERROR:
      case Severity::kERROR:
        if (errors().size() < max_errors) {
          errors() += (errors().empty() ? "" : "; ") + std::string(message);
        }
        log_debug("TensorRT: {}", message);
        break;
      case Severity::kWARNING:
      case Severity::kINFO:
        log_debug("TensorRT: {}", message);
        break;
      case Severity::kVERBOSE:
        break;  // thousands of lines a build
    }
  } catch (const std::exception&) {  // out of memory: the message is lost, the call goes on
  }
}

Logger& logger() {
  static auto& instance = *new Logger;  // TensorRT keeps it beyond main
  return instance;
}

std::string logged_errors() {
  if (errors().empty()) return "TensorRT gave no reason";
  std::string text = errors().substr(0, max_errors);
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

void forget_errors() { errors().clear(); }

}  // namespace caft::tensorrt
