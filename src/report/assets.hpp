// The page's parts, embedded in the library.
#pragma once

#include <string>
#include <string_view>

namespace caft::report {

/// The page with places "{{name}}" for title, licence, style, chart, script and data.
std::string_view page_template();
std::string_view style();
/// The page's own scripts, joined in the order in which they use each other.
std::string script();
/// Chart.js without the comment that points developer tools at a source map, which the page lacks.
std::string_view chart_library();
std::string_view chart_licence();

}  // namespace caft::report
