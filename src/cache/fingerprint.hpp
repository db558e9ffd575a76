// Comparing fingerprints, and saying how two differ.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace caft {

/// The canonical text of a JSON value: sorted keys, no spaces. Equal values have equal texts.
std::string canonical(const nlohmann::json& value);

/// One line for each field in which the two differ: "  field.name: cache has X, asked for Y". Empty
/// when they are equal.
std::string describe_difference(const nlohmann::json& cached, const nlohmann::json& asked);

}  // namespace caft
