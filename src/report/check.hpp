// What write_report refuses before it writes.
#pragma once

#include <nlohmann/json.hpp>

namespace caft::report {

/// Checks `data` against docs/report_data.md: the title is there, every top-level key is known (a
/// misspelt section would silently be missing from the page), what is present has the right type,
/// pictures are data URIs (the page loads nothing from elsewhere), and a confusion matrix is square
/// and as large as its list of classes. Throws Error(usage) naming the place.
void check_report_data(const nlohmann::json& data);

}  // namespace caft::report
