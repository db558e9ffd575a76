// What this machine is: for reports, benchmarks and `caft doctor`.
#pragma once

#include <cstdint>
#include <string>

namespace caft {

struct SystemInfo {
  std::string cpu;  ///< model name, as the kernel tells it
  int cores = 1;    ///< that this process may use (affinity mask)
  double memory_gib = 0;
  std::string os;  ///< PRETTY_NAME of os-release
};

SystemInfo system_info();

/// Cores this process may use: its affinity mask, further limited by a cgroup v2 CPU quota.
int usable_cores();

}  // namespace caft
