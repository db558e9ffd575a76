#include "cache/quarantine.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "core/pending_file.hpp"

namespace caft {
namespace {

// The first free name: a shard that was put back by hand may be quarantined again.
std::filesystem::path free_name(const std::filesystem::path& wanted) {
  std::filesystem::path name = wanted;
  for (int i = 1; std::filesystem::exists(name); ++i)
    name = wanted.string() + fmt::format(".{}", i);
  return name;
}

void move(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (durability_calls().rename_new(from.c_str(), to.c_str()) != 0)
    throw Error(ErrorKind::io, fmt::format("cannot move {} to {}: {}", from.string(), to.string(),
                                           std::strerror(errno)));
}

}  // namespace

std::filesystem::path quarantine_folder(const std::filesystem::path& cache) {
  return cache / "quarantine";
}

std::filesystem::path quarantine(const std::filesystem::path& cache,
                                 const std::filesystem::path& file, const std::string& reason) {
  std::filesystem::create_directories(quarantine_folder(cache));
  const std::filesystem::path target = free_name(quarantine_folder(cache) / file.filename());
  // First the reason: a shard without one would puzzle whoever finds it.
  write_file_atomically(target.string() + ".reason.txt", reason + "\n");
  move(file, target);
  for (const char* suffix : {"-journal", "-wal", "-shm"}) {
    const std::filesystem::path journal = file.string() + suffix;
    if (std::filesystem::exists(journal)) move(journal, free_name(target.string() + suffix));
  }
  fsync_folder(quarantine_folder(cache));
  fsync_folder(file.parent_path());
  fsync_folder(cache);
  return target;
}

}  // namespace caft
