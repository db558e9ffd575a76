// Running another program, for the parts that are Python.
#pragma once

#include <string>
#include <vector>

namespace caft {

struct ProcessResult {
  int exit_code = 0;   ///< 128 + signal when it was killed
  std::string output;  ///< its standard output, whole
};

/// Runs `arguments[0]` (found on PATH unless it holds a '/') without a shell and waits for it.
/// Standard error passes through to ours, standard input is empty. `environment` holds extra
/// "NAME=value" entries. Throws Error(unavailable) when the program cannot be started.
ProcessResult run_process(const std::vector<std::string>& arguments,
                          const std::vector<std::string>& environment = {});

}  // namespace caft
