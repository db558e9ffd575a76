// A file being written under a temporary name until it is whole, durable and published.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <span>

namespace caft {

/// The system calls that make a file durable. Tests substitute failing ones; errors follow errno.
struct DurabilityCalls {
  ssize_t (*write)(int descriptor, const void* bytes, std::size_t count);
  int (*fsync)(int descriptor);
  /// Renames and fails with EEXIST when `to` exists.
  int (*rename_new)(const char* from, const char* to);
};

/// The calls in use by the whole process: the kernel's, unless a test has changed them.
DurabilityCalls& durability_calls();

/// Writes beside `target`, in the same folder, and publishes by rename. The temporary file's name
/// ends in ".tmp"; the destructor removes it when it was not published. Not thread-safe.
class PendingFile {
 public:
  /// Throws Error(io), Error(not_found) when the folder does not exist.
  explicit PendingFile(std::filesystem::path target);
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;
  ~PendingFile();

  /// Appends all of `bytes`. Throws Error(io), which includes a full disk.
  void write(std::span<const std::byte> bytes);
  /// fsync. Throws Error(io); the file must then be given up, since the kernel may have dropped the
  /// dirty pages and a second fsync would lie.
  void sync();
  /// Renames over `target` / refuses when `target` exists, and makes the rename durable when
  /// `durable`; if that fails, a new file is removed again. Throws Error(io).
  void publish_over(bool durable = true);
  void publish_new(bool durable = true);

  [[nodiscard]] const std::filesystem::path& temporary() const { return temporary_; }

 private:
  void close() noexcept;
  void published(bool durable, bool was_new);
  std::filesystem::path target_, temporary_;
  int descriptor_ = -1;
};

}  // namespace caft
