// Numbers that a Python library must agree with.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "temp_folder.hpp"

namespace caft::test {

/// Hands `numbers` to check NAME of tests/lab/parity.py, which fails where scikit-learn, scipy or
/// cleanlab says otherwise.
inline void check_in_python(const std::string& name, const nlohmann::json& numbers) {
  const TempFolder folder;
  std::ofstream(folder / "numbers.json") << numbers.dump();
  const std::string command = std::string("\"") + CAFT_PYTHON + "\" \"" + CAFT_SOURCE_DIR +
                              "/tests/lab/parity.py\" " + name + " \"" +
                              (folder / "numbers.json").string() + "\"";
  EXPECT_EQ(std::system(command.c_str()), 0) << name;
}

}  // namespace caft::test
