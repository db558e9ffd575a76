// One writer at a time.
#pragma once

#include <filesystem>

namespace caft {

/// Holds the write lock of a cache folder: an open-file-description lock (fcntl(2)) on the file
/// `lock`, which the kernel drops with the process, however that ends. The file's text names the
/// holder, for the message that a second writer gets; the file itself is never removed.
class CacheLock {
 public:
  /// Throws Error(io) naming the holder when another one, in this process or elsewhere, has it.
  explicit CacheLock(const std::filesystem::path& folder);
  CacheLock(const CacheLock&) = delete;
  CacheLock& operator=(const CacheLock&) = delete;
  ~CacheLock();

 private:
  int descriptor_ = -1;
};

}  // namespace caft
