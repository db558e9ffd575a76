// What a fuzz target is: one function over hostile bytes, which may only return or throw
// caft::Error. Anything else that escapes it, and whatever a sanitizer finds, is a bug.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace caft::fuzz {

/// Reads `input` the way the program would. Each target's file defines its own.
void parse(std::span<const std::byte> input);

/// `input` as a file of this name in a folder of this process's own, in memory where the system has
/// such a folder. The next call with the same name overwrites it; the folder goes with the process.
std::filesystem::path as_file(std::span<const std::byte> input, const std::string& name);

}  // namespace caft::fuzz
