#include "zoo/fields.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "caft/core/error.hpp"

namespace caft::zoo {
namespace {

/// Deeper JSON than any card's is refused before nlohmann builds it.
constexpr int kMaxDepth = 16;

}  // namespace

nlohmann::json parse_object(std::string_view text, const std::string& where) {
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(
        text, [&](int depth, nlohmann::json::parse_event_t, const nlohmann::json&) {
          if (depth > kMaxDepth) {
            throw Error(ErrorKind::bad_input, where + ": its JSON is nested too deeply");
          }
          return true;
        });
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorKind::bad_input, where + ": not valid JSON");
  }
  if (!json.is_object()) throw Error(ErrorKind::bad_input, where + ": holds no JSON object");
  return json;
}

void bad_field(const std::string& where, const char* field, const std::string& want) {
  throw Error(ErrorKind::bad_input, fmt::format("{}: field \"{}\" must be {}", where, field, want));
}

std::string text_field(const nlohmann::json& row, const char* field, const std::string& where) {
  const auto found = row.find(field);
  if (found == row.end() || !found->is_string()) bad_field(where, field, "a line of text");
  const auto& text = found->get_ref<const std::string&>();
  const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  if (text.empty() || text.size() > 500 || std::any_of(text.begin(), text.end(), control)) {
    bad_field(where, field, "a line of 1 to 500 bytes without control characters");
  }
  return text;
}

std::int64_t count_field(const nlohmann::json& row, const char* field, std::int64_t low,
                         std::int64_t high, const std::string& where) {
  const auto found = row.find(field);
  const bool fits = found != row.end() && found->is_number_unsigned() &&
                    found->get<std::uint64_t>() >= static_cast<std::uint64_t>(low) &&
                    found->get<std::uint64_t>() <= static_cast<std::uint64_t>(high);
  if (!fits) bad_field(where, field, fmt::format("a whole number from {} to {}", low, high));
  return found->get<std::int64_t>();
}

std::string sha256_field(const nlohmann::json& row, const char* field, const std::string& where) {
  std::string text = text_field(row, field, where);
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (text.size() != 64 || !std::all_of(text.begin(), text.end(), hex)) {
    bad_field(where, field, "a SHA-256 in 64 lower-case hexadecimal digits");
  }
  return text;
}

bool is_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  };
  return !name.empty() && name.size() <= 64 && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), allowed);
}

}  // namespace caft::zoo
