// One JSON line a request.
#pragma once

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <string>

namespace caft::serve {

struct AccessEntry {
  std::string remote, method, path;
  int status = 0;
  std::size_t bytes_in = 0, bytes_out = 0;
  double milliseconds = 0;
};

/// Appends to a file, "-" for stderr; empty: to nothing. Thread-safe; each line is written whole.
class AccessLog {
 public:
  /// Throws Error(io) when the file cannot be opened.
  explicit AccessLog(const std::filesystem::path& path);
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;
  ~AccessLog();
  void write(const AccessEntry& entry);

 private:
  std::FILE* file_ = nullptr;
  std::mutex mutex_;
};

}  // namespace caft::serve
