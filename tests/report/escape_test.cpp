#include "report/escape.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace caft::report {
namespace {

using nlohmann::json;

TEST(EscapeHtml, TurnsMarkupIntoText) {
  EXPECT_EQ(escape_html("</title><img src=x onerror='a(\"b\")'>&amp;"),
            "&lt;/title&gt;&lt;img src=x onerror=&#39;a(&quot;b&quot;)&#39;&gt;&amp;amp;");
}

TEST(EscapeHtml, LeavesOtherTextAlone) {
  EXPECT_EQ(escape_html("Käfer 甲虫 1/2"), "Käfer 甲虫 1/2");
}

TEST(JsonForScript, LeavesNothingThatEndsTheElement) {
  const json data = {{"</script>", "<!-- </SCRIPT ><script>"}, {"quote", "\"\\"}};
  const std::string text = json_for_script(data);
  EXPECT_EQ(text.find('<'), std::string::npos);
  EXPECT_EQ(json::parse(text), data);
}

TEST(JsonForScript, EscapesLineSeparators) {
  const json data =
      "a\xE2\x80\xA8"
      "b\xE2\x80\xA9"
      "c\xE2\x80\xA6";  // the last is an ellipsis
  const std::string text = json_for_script(data);
  EXPECT_EQ(text, "\"a\\u2028b\\u2029c\xE2\x80\xA6\"");
  EXPECT_EQ(json::parse(text), data);
}

TEST(JsonForScript, ReplacesMalformedUtf8AndNumbersThatAreNotFinite) {
  EXPECT_EQ(json_for_script("a\xFF\xE2\x80"), "\"a\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(json_for_script({std::nan(""), INFINITY}), "[null,null]");
}

}  // namespace
}  // namespace caft::report
