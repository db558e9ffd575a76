#include "python_tool.hpp"

#include <cstdlib>
#include <filesystem>

#include "caft/core/error.hpp"
#include "caft/core/process.hpp"

namespace caft::cli {
namespace {

namespace fs = std::filesystem;

/// The folder that holds caft_export: beside an installed program, else in the source tree.
std::string module_folder() {
  const fs::path program = fs::read_symlink("/proc/self/exe");
  const fs::path installed = program.parent_path().parent_path() / "share" / "caft" / "python";
  return fs::exists(installed) ? installed.string() : CAFT_BUILD_PYTHON_PATH;
}

}  // namespace

std::string python_interpreter() {
  if (const char* chosen = std::getenv("CAFT_PYTHON"); chosen != nullptr && *chosen != '\0') {
    return chosen;
  }
  return fs::exists(CAFT_BUILD_PYTHON) ? CAFT_BUILD_PYTHON : "python3";
}

nlohmann::json run_exporter(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {python_interpreter(), "-m", "caft_export"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::string path = module_folder();
  if (const char* old = std::getenv("PYTHONPATH"); old != nullptr && *old != '\0') {
    path += ":" + std::string(old);
  }
  const ProcessResult result = run_process(command, {"PYTHONPATH=" + path});
  if (result.exit_code != 0) {
    throw Error(result.exit_code == 2 ? ErrorKind::usage : ErrorKind::bad_input,
                "the exporter failed (exit code " + std::to_string(result.exit_code) + ")",
                "the line above says why");
  }
  const nlohmann::json json = nlohmann::json::parse(result.output, nullptr, false);
  if (json.is_discarded()) {
    throw Error(ErrorKind::bad_input, "the exporter printed something that is not JSON");
  }
  return json;
}

}  // namespace caft::cli
