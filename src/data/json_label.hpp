// Labels in JSON, as .jsonl files and WebDataset's .json members spell them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace caft::data {

/// Parses one JSON text. Throws Error(bad_input) that begins with `where`.
nlohmann::json parse_json(std::string_view text, const std::string& where);

/// A label as text: a string as it stands, a number as JSON writes it (3 is "3").
/// Throws Error(bad_input) that begins with `where` for any other type.
std::string json_label(const nlohmann::json& value, const std::string& where);

}  // namespace caft::data
