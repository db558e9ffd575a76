// One process at a time, for a file that several may make.
#pragma once

#include <filesystem>

namespace caft {

/// Holds flock(2) on `file`, which is made when it is not there and never removed; the kernel drops
/// the lock with the process. Waits for another holder.
class FileLock {
 public:
  /// Throws Error(io).
  explicit FileLock(const std::filesystem::path& file);
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  int descriptor_ = -1;
};

}  // namespace caft
