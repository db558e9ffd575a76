// Fields of cards and catalogue rows, checked one by one: an error names place and field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace caft::zoo {

/// Parses `text` as one JSON object. Throws Error(bad_input) that starts with `where`.
nlohmann::json parse_object(std::string_view text, const std::string& where);

/// A line of at most 500 bytes without control characters. Throws Error(bad_input).
std::string text_field(const nlohmann::json& row, const char* field, const std::string& where);

/// A whole number from `low` to `high`, neither negative. Throws Error(bad_input).
std::int64_t count_field(const nlohmann::json& row, const char* field, std::int64_t low,
                         std::int64_t high, const std::string& where);

/// The largest feature size and parameter count that are believed.
inline constexpr std::int64_t kMaxFeatures = std::int64_t{1} << 24;
inline constexpr std::int64_t kMaxParams = std::int64_t{1} << 40;

/// 64 lower-case hexadecimal digits. Throws Error(bad_input).
std::string sha256_field(const nlohmann::json& row, const char* field, const std::string& where);

/// Throws Error(bad_input) naming the field and what is wanted.
[[noreturn]] void bad_field(const std::string& where, const char* field, const std::string& want);

/// A backbone's name: 1 to 64 of [a-z0-9_.-], not starting with a dot, so that it can be a folder.
bool is_name(std::string_view name);

}  // namespace caft::zoo
