#include "report/assets.hpp"

// Defined by caft_embed (cmake/CaftEmbed.cmake).
#define CAFT_ASSET(name)                       \
  extern "C" const char caft_##name##_begin[]; \
  extern "C" const char caft_##name##_end[];
CAFT_ASSET(report_html)
CAFT_ASSET(report_css)
CAFT_ASSET(report_dom_js)
CAFT_ASSET(report_charts_js)
CAFT_ASSET(report_tables_js)
CAFT_ASSET(report_matrix_js)
CAFT_ASSET(report_run_js)
CAFT_ASSET(report_results_js)
CAFT_ASSET(report_lab_js)
CAFT_ASSET(report_js)
CAFT_ASSET(chart_js)
CAFT_ASSET(chart_license)
#undef CAFT_ASSET

namespace caft::report {
namespace {

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace

std::string_view page_template() { return between(caft_report_html_begin, caft_report_html_end); }

std::string_view style() { return between(caft_report_css_begin, caft_report_css_end); }

std::string script() {
  std::string all = "(() => {\n\"use strict\";\n";
  all += between(caft_report_dom_js_begin, caft_report_dom_js_end);
  all += between(caft_report_charts_js_begin, caft_report_charts_js_end);
  all += between(caft_report_tables_js_begin, caft_report_tables_js_end);
  all += between(caft_report_matrix_js_begin, caft_report_matrix_js_end);
  all += between(caft_report_run_js_begin, caft_report_run_js_end);
  all += between(caft_report_results_js_begin, caft_report_results_js_end);
  all += between(caft_report_lab_js_begin, caft_report_lab_js_end);
  all += between(caft_report_js_begin, caft_report_js_end);
  return all + "})();\n";
}

std::string_view chart_library() {
  const std::string_view whole = between(caft_chart_js_begin, caft_chart_js_end);
  return whole.substr(0, whole.rfind("//# sourceMappingURL="));
}

std::string_view chart_licence() {
  return between(caft_chart_license_begin, caft_chart_license_end);
}

}  // namespace caft::report
