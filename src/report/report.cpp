#include "caft/report/report.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "caft/core/file.hpp"
#include "report/assets.hpp"
#include "report/check.hpp"
#include "report/escape.hpp"

namespace caft {
namespace {

using Places = std::array<std::pair<std::string_view, std::string>, 6>;

/// Fills the template's "{{name}}" places in one pass, so that a "{{" inside what is filled in is
/// never taken for a place.
std::string fill(std::string_view page, const Places& places) {
  std::string out;
  for (;;) {
    const auto open = page.find("{{");
    out += page.substr(0, open);
    if (open == std::string_view::npos) return out;
    const auto close = page.find("}}", open);
    if (close == std::string_view::npos) throw std::logic_error("report.html: unclosed {{");
    const std::string_view name = page.substr(open + 2, close - open - 2);
    const auto* place = std::ranges::find(places, name, &Places::value_type::first);
    if (place == places.end()) {
      throw std::logic_error("report.html: unknown place " + std::string(name));
    }
    out += place->second;
    page.remove_prefix(close + 2);
  }
}

}  // namespace

void write_report(const std::filesystem::path& file, const nlohmann::json& data) {
  report::check_report_data(data);
  const Places places = {{
      {"title", report::escape_html(data.at("title").get_ref<const std::string&>())},
      {"licence", std::string(report::chart_licence())},
      {"style", std::string(report::style())},
      {"chart", std::string(report::chart_library())},
      {"script", report::script()},
      {"data", report::json_for_script(data)},
  }};
  write_file_atomically(file, std::string_view(fill(report::page_template(), places)));
}

}  // namespace caft
