// One SHA-256 over several files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace caft::zoo {

/// SHA-256 over the files' bytes, one file after the other, as 64 lower-case hexadecimal digits.
/// Reads in blocks: external data may be larger than memory. Throws Error(not_found) or Error(io).
std::string sha256_of(const std::vector<std::filesystem::path>& files);

}  // namespace caft::zoo
