// Putting foreign text into HTML without letting it become HTML.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace caft::report {

/// `text` for an HTML element's content or a quoted attribute: & < > " ' become references (HTML
/// Living Standard, 13.1.4). Bytes outside ASCII pass unchanged.
std::string escape_html(std::string_view text);

/// `data` as JSON that can stand inside <script type="application/json">: no "<" is left, so that
/// neither "</script" nor "<!--" can end or change the element, and U+2028 / U+2029, which end a
/// line in old JavaScript, are written as escapes. Malformed UTF-8 becomes U+FFFD; numbers that are
/// not finite become null.
std::string json_for_script(const nlohmann::json& data);

}  // namespace caft::report
