#include "cache/lock.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <string>

#include "caft/core/error.hpp"

namespace caft {
namespace {

std::string holder_text() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return fmt::format("process {} on {} since {:%Y-%m-%dT%H:%M:%SZ}", ::getpid(), host.data(),
                     fmt::gmtime(std::time(nullptr)));
}

std::string read_holder(int descriptor) {
  std::array<char, 512> text{};
  const ssize_t got = ::pread(descriptor, text.data(), text.size(), 0);
  std::string holder(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  holder = holder.substr(0, holder.find('\n'));
  return holder.empty() ? "another process" : holder;
}

}  // namespace

CacheLock::CacheLock(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "lock";
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0)
    throw Error(ErrorKind::io,
                fmt::format("cannot open {}: {}", path.string(), std::strerror(errno)),
                "writing to a cache needs write permission in its folder");
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(descriptor_, F_OFD_SETLK, &lock) != 0) {
    const int error = errno;
    const std::string holder = read_holder(descriptor_);
    ::close(descriptor_);
    if (error == EAGAIN || error == EACCES)
      throw Error(ErrorKind::io,
                  fmt::format("cache {} is being written by {}", folder.string(), holder),
                  "wait for it to end, or stop it");
    throw Error(ErrorKind::io,
                fmt::format("cannot lock {}: {}", path.string(), std::strerror(error)));
  }
  // The text only informs: the lock holds without it.
  const std::string text = holder_text() + "\n";
  if (::ftruncate(descriptor_, 0) == 0) (void)!::pwrite(descriptor_, text.data(), text.size(), 0);
}

CacheLock::~CacheLock() {
  (void)!::ftruncate(descriptor_, 0);
  ::close(descriptor_);
}

}  // namespace caft
