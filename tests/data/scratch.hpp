// What the tests of data sets share: files in a folder that goes away, errors as text.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "caft/core/error.hpp"
#include "caft/core/process.hpp"
#include "caft/data/dataset.hpp"
#include "temp_folder.hpp"

namespace caft::testing {

/// A folder for one test's files, removed at the end.
class Scratch : public test::TempFolder {
 public:
  /// Writes a file, making its folders.
  std::filesystem::path write(const std::string& relative,
                              const std::string& text = "bytes") const {
    const std::filesystem::path path = *this / relative;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
};

/// The text of the Error of this kind that `act` throws; a failure when it throws none or another.
inline std::string error_of(ErrorKind kind, const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(kind)) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "more than one line";
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

inline std::string bad_input_of(const std::filesystem::path& path) {
  return error_of(ErrorKind::bad_input, [&] { open_dataset(path); });
}

/// Runs a Python script (with `arguments` as sys.argv[1:]) and gives its standard output.
inline std::string python(const Scratch& scratch, const std::string& script,
                          std::vector<std::string> arguments = {}) {
  const std::filesystem::path file = scratch.write("script.py", script);
  arguments.insert(arguments.begin(), {CAFT_PYTHON, file.string()});
  const ProcessResult result = run_process(arguments);
  std::filesystem::remove(file);
  EXPECT_EQ(result.exit_code, 0) << script;
  return result.output;
}

/// Each sample as "NAME LABELS SPLIT", its name relative to `root`.
inline std::vector<std::string> lines_of(const Dataset& dataset,
                                         const std::filesystem::path& root) {
  std::vector<std::string> lines;
  for (const Sample& sample : dataset.samples) {
    std::string line = sample.source.display_name().substr(root.string().size() + 1);
    for (const std::int32_t label : sample.labels) {
      line += " " + dataset.classes.at(static_cast<std::size_t>(label));
    }
    const std::string_view split = to_string(sample.split);
    if (!split.empty()) line += " [" + std::string(split) + "]";
    lines.push_back(line);
  }
  return lines;
}

}  // namespace caft::testing
