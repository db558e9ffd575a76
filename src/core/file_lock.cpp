#include "core/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "caft/core/error.hpp"

namespace caft {

FileLock::FileLock(const std::filesystem::path& file)
    : descriptor_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  int failed = descriptor_ < 0 ? errno : 0;
  while (failed == 0 && ::flock(descriptor_, LOCK_EX) != 0) {
    if (errno != EINTR) failed = errno;
  }
  if (failed == 0) return;
  if (descriptor_ >= 0) ::close(descriptor_);
  throw Error(ErrorKind::io, "cannot lock " + file.string() + ": " + std::strerror(failed));
}

FileLock::~FileLock() { ::close(descriptor_); }

}  // namespace caft
