// Checks of caft::Error.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "caft/core/error.hpp"

namespace caft::testing {

/// `action` must throw a caft::Error of this kind whose one line holds `text`.
template <typename Action>
void expect_error(ErrorKind kind, const std::string& text, const Action& action) {
  try {
    action();
    FAIL() << "no error; expected one with: " << text;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_THAT(error.what(), ::testing::HasSubstr(text));
    EXPECT_THAT(error.what(), ::testing::Not(::testing::HasSubstr("\n")));
  }
}

}  // namespace caft::testing
