// Log lines on stderr, through spdlog. Not for public headers: fmt would clash with LibTorch's.
#pragma once

#include <fmt/format.h>

#include <string>

namespace caft {

enum class LogLevel { debug, info, warn, error };

void log_message(LogLevel level, const std::string& text);
void set_log_level(LogLevel least);

template <typename... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warn(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::warn, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace caft
