// Checks of caft::Error for the tests of engines and ONNX files.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "caft/core/error.hpp"

namespace caft::test {

/// `action` must throw a caft::Error of this kind whose text is one line and holds `text`.
template <typename Action>
void expect_error(ErrorKind kind, const std::string& text, const Action& action) {
  try {
    action();
    ADD_FAILURE() << "no error, expected one with: " << text;
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(kind)) << error.what();
    EXPECT_THAT(error.what(), ::testing::HasSubstr(text));
    EXPECT_THAT(error.what(), ::testing::Not(::testing::HasSubstr("\n")));
  }
}

}  // namespace caft::test
