#include "caft/core/system_info.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

namespace caft {
namespace {

/// The value of the first line "KEY<separator>value" of a text file, without quotes.
std::string value_of(const char* file, const std::string& key, char separator) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t at = line.find(separator);
    if (at == std::string::npos) continue;
    std::string value = line.substr(at + 1);
    std::erase(value, '"');
    value.erase(0, value.find_first_not_of(" \t"));
    return value;
  }
  return {};
}

int cgroup_quota() {
  std::ifstream in("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(in >> quota >> period) || quota == "max" || period <= 0) return 0;
  return std::max(1, static_cast<int>(std::ceil(std::stod(quota) / period)));
}

}  // namespace

int usable_cores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  int cores = ::sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : 1;
  if (const int quota = cgroup_quota(); quota > 0) cores = std::min(cores, quota);
  return std::max(cores, 1);
}

SystemInfo system_info() {
  SystemInfo info;
  info.cpu = value_of("/proc/cpuinfo", "model name", ':');
  info.cores = usable_cores();
  info.os = value_of("/etc/os-release", "PRETTY_NAME", '=');
  const auto pages = static_cast<double>(::sysconf(_SC_PHYS_PAGES));
  info.memory_gib = pages * static_cast<double>(::sysconf(_SC_PAGE_SIZE)) / (1 << 30);
  return info;
}

}  // namespace caft
