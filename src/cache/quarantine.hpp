// Where repair puts what it takes out of a cache.
#pragma once

#include <filesystem>
#include <string>

namespace caft {

std::filesystem::path quarantine_folder(const std::filesystem::path& cache);

/// Moves `file` into the cache's quarantine, with its journals when it has any, beside a text file
/// that gives `reason`, and makes the move durable. Never replaces what is there. Gives the file's
/// new path. Throws Error(io).
std::filesystem::path quarantine(const std::filesystem::path& cache,
                                 const std::filesystem::path& file, const std::string& reason);

}  // namespace caft
