// The exporter is Python: this finds an interpreter and runs it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace caft::cli {

/// $CAFT_PYTHON, else the environment of the build, else python3 on PATH.
std::string python_interpreter();

/// Runs `python -m caft_export ARGUMENTS…` and returns the JSON document that it printed. Its
/// errors reach stderr as they are. Throws Error(unavailable) when there is no interpreter or it
/// lacks a module, Error(bad_input) when it failed.
nlohmann::json run_exporter(const std::vector<std::string>& arguments);

}  // namespace caft::cli
