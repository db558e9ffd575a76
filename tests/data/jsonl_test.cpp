#include <gmock/gmock.h>

#include <string>

#include "data/scratch.hpp"

namespace caft::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Jsonl : public ::testing::Test {
 protected:
  Dataset open(const std::string& text) { return open_dataset(scratch_.write("t.jsonl", text)); }
  std::string refused(const std::string& text) {
    return bad_input_of(scratch_.write("t.jsonl", text));
  }
  Scratch scratch_;
};

TEST_F(Jsonl, ReadsStringsNumbersListsAndSplits) {
  const Dataset set = open(
      "\xEF\xBB\xBF{\"path\": \"b.jpg\", \"label\": \"cat\", \"split\": \"test\", \"extra\": "
      "[1]}\r\n"
      "\n"
      "{\"path\": \"a/\\u00e9.jpg\", \"label\": 10, \"split\": null}\n"
      "{\"label\": 9, \"path\": \"c.jpg\"}");
  EXPECT_THAT(set.classes, ElementsAre("10", "9", "cat"));  // bytewise, as ImageFolder sorts
  EXPECT_FALSE(set.multi_label);
  EXPECT_THAT(lines_of(set, scratch_.path()),
              ElementsAre("b.jpg cat [test]", "a/\xC3\xA9.jpg 10", "c.jpg 9"));
}

TEST_F(Jsonl, ListsOfLabelsMakeItMultiLabel) {
  const Dataset set = open(
      "{\"path\": \"a\", \"labels\": [\"x\", \"w\"]}\n{\"path\": \"b\", \"labels\": []}\n"
      "{\"path\": \"c\", \"label\": \"a|b\"}\n");
  EXPECT_TRUE(set.multi_label);
  EXPECT_THAT(lines_of(set, scratch_.path()), ElementsAre("a w x", "b", "c a|b"));
  EXPECT_FALSE(open("{\"path\": \"a\", \"labels\": [\"x\"]}").multi_label);
}

TEST_F(Jsonl, RefusesWrongTypesWithTheirLine) {
  const std::string good = "{\"path\": \"ok\", \"label\": \"x\"}\n";
  const auto second = [&](const std::string& line) { return refused(good + line); };
  EXPECT_THAT(second("{\"path\": 1, \"label\": \"x\"}"), HasSubstr("t.jsonl:2: no \"path\""));
  EXPECT_THAT(second("{\"label\": \"x\"}"), HasSubstr("no \"path\""));
  EXPECT_THAT(second("[1]"), HasSubstr("t.jsonl:2: not a JSON object"));
  EXPECT_THAT(second("{\"path\": \"a\"}"), HasSubstr("needs either"));
  EXPECT_THAT(second("{\"path\": \"a\", \"label\": \"x\", \"labels\": []}"),
              HasSubstr("needs either"));
  EXPECT_THAT(second("{\"path\": \"a\", \"label\": true}"), HasSubstr("a label is boolean"));
  EXPECT_THAT(second("{\"path\": \"a\", \"label\": null}"), HasSubstr("a label is null"));
  EXPECT_THAT(second("{\"path\": \"a\", \"label\": {}}"), HasSubstr("a label is object"));
  EXPECT_THAT(second("{\"path\": \"a\", \"labels\": \"x\"}"),
              HasSubstr("\"labels\" is not a list"));
  EXPECT_THAT(second("{\"path\": \"a\", \"labels\": [[]]}"), HasSubstr("a label is array"));
  EXPECT_THAT(second("{\"path\": \"a\", \"label\": \"\"}"), HasSubstr("a label is empty"));
  EXPECT_THAT(second("{\"path\": \"a\", \"label\": \"x\", \"split\": 1}"),
              HasSubstr("\"split\" is not a string"));
  EXPECT_THAT(second("{\"path\": \"../a\", \"label\": \"x\"}"), HasSubstr("leaves the folder"));
  EXPECT_THAT(second("{\"path\": \"a\\u0000b\", \"label\": \"x\"}"), HasSubstr("NUL byte"));
  EXPECT_THAT(second("{\"path\": \"ok\", \"label\": \"x\"}"),
              HasSubstr("already listed in line 1"));
  EXPECT_THAT(second("{\"path\": \"a\", \"label\": 1e999}"),
              HasSubstr("t.jsonl:2: not valid JSON"));
  EXPECT_THAT(second("{\"path\": \"a\""), HasSubstr("t.jsonl:2: not valid JSON"));
  EXPECT_THAT(second("{\"path\": \"\xFF\", \"label\": 1}"), HasSubstr("t.jsonl:2: not valid JSON"));
  EXPECT_THAT(second(good.substr(0, good.size() - 1) + " {}"), HasSubstr("not valid JSON"));
  EXPECT_THAT(second("\"" + std::string(2 << 20, 'a') + "\""), HasSubstr("longer than 1 MiB"));
  EXPECT_THAT(second(std::string(1 << 19, '[')), HasSubstr("not valid JSON"));  // no recursion
  EXPECT_THAT(second(std::string(1 << 18, '[') + std::string(1 << 18, ']')),
              HasSubstr("not a JSON object"));
  EXPECT_THAT(refused(""), HasSubstr("lists no images"));
  EXPECT_THAT(refused("{\"path\": \"a\", \"labels\": []}"), HasSubstr("gives no image a label"));
}

}  // namespace
}  // namespace caft::testing
