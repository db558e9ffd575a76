// Files: whole reads, positioned reads, and publication that survives a crash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace caft {

/// A file descriptor that closes itself. Move-only; safe to read from many threads (pread).
class File {
 public:
  /// Opens for reading. Throws Error(not_found) or Error(io) naming the path.
  static File open(const std::filesystem::path& path);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();

  [[nodiscard]] std::uint64_t size() const;
  /// Reads exactly `out.size()` bytes at `offset`. A file that ends earlier is Error(io), never a
  /// signal: caft does not map files.
  void read_at(std::uint64_t offset, std::span<std::byte> out) const;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  File(int descriptor, std::filesystem::path path);
  int descriptor_ = -1;
  std::filesystem::path path_;
};

/// The whole file. Throws Error(bad_input) when it is larger than `limit` bytes.
std::vector<std::byte> read_file(const std::filesystem::path& path,
                                 std::uint64_t limit = std::uint64_t{1} << 32);
std::string read_text(const std::filesystem::path& path, std::uint64_t limit = 1u << 30);

/// Publishes `bytes` as `path`: temporary file in the same folder, write, fsync, rename over, fsync
/// of the folder. A reader sees the old file or the new one, whole, also after a power cut.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

/// Makes renames and new entries in `folder` durable. Throws Error(io).
void fsync_folder(const std::filesystem::path& folder);

}  // namespace caft
