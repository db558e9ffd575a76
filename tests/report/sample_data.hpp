// Made-up report data, whole and consistent: counts, shares and intervals agree with each other.
#pragma once

#include <cstddef>

#include <nlohmann/json.hpp>

namespace caft::sample {

/// A report of `classes` made-up classes with every section of docs/report_data.md.
nlohmann::json report_data(std::size_t classes);

/// Two classes, no held-out part, an AdamW head, and texts that try to break out of the page.
nlohmann::json hostile_data();

}  // namespace caft::sample
