#include "core/pending_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "caft/core/error.hpp"

namespace caft {
namespace {

[[noreturn]] void refuse(const char* verb, const std::filesystem::path& path, int error) {
  const ErrorKind kind = error == ENOENT || error == ENOTDIR ? ErrorKind::not_found : ErrorKind::io;
  throw Error(kind, fmt::format("cannot {} {}: {}", verb, path.string(), std::strerror(error)));
}

// rename(2) replaces in silence. renameat2 with NOREPLACE does not, but some file systems (NFS, old
// overlays) lack it; there a hard link, which also refuses an existing name, does the same.
int rename_without_replacing(const char* from, const char* to) {
  if (::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) return -1;
  if (::link(from, to) != 0) return -1;
  return ::unlink(from);
}

std::filesystem::path temporary_name(const std::filesystem::path& target) {
  static std::atomic<unsigned> counter{0};
  std::filesystem::path name = target;
  name.replace_filename(
      fmt::format(".{}.{}-{}.tmp", target.filename().string(), ::getpid(), counter.fetch_add(1)));
  return name;
}

}  // namespace

DurabilityCalls& durability_calls() {
  static DurabilityCalls calls{&::write, &::fsync, &rename_without_replacing};
  return calls;
}

PendingFile::PendingFile(std::filesystem::path target)
    : target_(std::move(target)), temporary_(temporary_name(target_)) {
  // A file of this name can only be the remains of a dead process that had our number.
  ::unlink(temporary_.c_str());
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) refuse("create", temporary_, errno);
}

PendingFile::~PendingFile() {
  close();
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void PendingFile::close() noexcept {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

void PendingFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = durability_calls().write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) refuse("write", target_, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void PendingFile::sync() {
  if (durability_calls().fsync(descriptor_) != 0) refuse("fsync", target_, errno);
}

void PendingFile::publish_over(bool durable) {
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) refuse("rename to", target_, errno);
  published(durable, false);
}

void PendingFile::publish_new(bool durable) {
  if (durability_calls().rename_new(temporary_.c_str(), target_.c_str()) != 0)
    refuse("publish", target_, errno);
  published(durable, true);
}

// The rename is durable once the folder is. If that cannot be said, a file that was new is taken
// back; one that replaced another cannot be.
void PendingFile::published(bool durable, bool was_new) {
  close();
  temporary_.clear();
  if (!durable) return;
  const std::filesystem::path parent = target_.parent_path();
  const std::filesystem::path folder = parent.empty() ? "." : parent;
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && durability_calls().fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (synced) return;
  if (was_new) ::unlink(target_.c_str());
  refuse("fsync the folder", folder, error);
}

}  // namespace caft
