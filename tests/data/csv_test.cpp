#include <gmock/gmock.h>

#include <string>

#include "data/csv_reader.hpp"
#include "data/scratch.hpp"

namespace caft::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Records = std::vector<std::vector<std::string>>;

Records parse(std::string_view text) {
  data::CsvReader reader(text, "t.csv");
  Records records;
  std::vector<std::string> fields;
  while (reader.next(fields)) records.push_back(fields);
  return records;
}

std::string refused(std::string_view text) {
  return error_of(ErrorKind::bad_input, [&] { parse(text); });
}

TEST(CsvReader, ReadsWhatTheRfcAllows) {
  EXPECT_EQ(parse("a,b\nc,d\n"), (Records{{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(parse("a,b\r\nc,d"), (Records{{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(parse("\xEF\xBB\xBF\"a\",b\n"), (Records{{"a", "b"}}));
  EXPECT_EQ(parse("\"x,\"\"y\"\"\r\nz\",\n,\n"), (Records{{"x,\"y\"\r\nz", ""}, {"", ""}}));
  EXPECT_EQ(parse("\n\r\na\n\n"), (Records{{"a"}}));
  EXPECT_EQ(parse("\"\""), (Records{{""}}));
  EXPECT_THAT(parse(""), IsEmpty());
  EXPECT_EQ(parse("a, b "), (Records{{"a", " b "}}));  // blanks belong to the field
}

TEST(CsvReader, CountsLinesThroughQuotedLineEnds) {
  data::CsvReader reader("a\n\"b\nb\"\n\nc\n", "t.csv");
  std::vector<std::string> fields;
  std::vector<std::size_t> lines;
  while (reader.next(fields)) lines.push_back(reader.line());
  EXPECT_THAT(lines, ElementsAre(1U, 2U, 5U));
}

TEST(CsvReader, RefusesTheRestWithItsLine) {
  EXPECT_THAT(refused("a\n\"b,c\nd\n"), HasSubstr("t.csv:2: a quoted field has no closing quote"));
  EXPECT_THAT(refused("a\n\"b\"\""), HasSubstr("t.csv:2: a quoted field has no closing quote"));
  EXPECT_THAT(refused("a\nb,\"c\"d\n"), HasSubstr("t.csv:2: text follows a closing quote"));
  EXPECT_THAT(refused("a\n\nb\"c\n"), HasSubstr("t.csv:3: a quote stands inside"));
  EXPECT_THAT(refused("a\rb\n"), HasSubstr("t.csv:1: a carriage return"));
}

class CsvDataset : public ::testing::Test {
 protected:
  std::string refused_table(const std::string& text) {
    return bad_input_of(scratch_.write("t.csv", text));
  }
  Dataset open(const std::string& text) { return open_dataset(scratch_.write("t.csv", text)); }
  std::vector<std::string> lines(const Dataset& set) { return lines_of(set, scratch_.path()); }
  Scratch scratch_;
};

TEST_F(CsvDataset, ReadsColumnsInAnyOrderAndKeepsTheRowsOrder) {
  const Dataset set = open(
      "\xEF\xBB\xBFwidth,label,split,path\r\n"
      "3,\"Zebra, striped\",train,b.jpg\r\n"
      "4,ant,Valid,./sub/../sub/a.png\r\n"
      "5,ant,,c.jpg");
  EXPECT_EQ(set.name, "t.csv");
  EXPECT_THAT(set.classes, ElementsAre("Zebra, striped", "ant"));
  EXPECT_FALSE(set.multi_label);
  EXPECT_THAT(lines(set),
              ElementsAre("b.jpg Zebra, striped [train]", "sub/a.png ant [val]", "c.jpg ant"));
}

TEST_F(CsvDataset, SeveralLabelsOrNoneMakeItMultiLabel) {
  const Dataset set = open("path,label\na.jpg,sun|beach\nb.jpg,\nc.jpg,sun\n");
  EXPECT_TRUE(set.multi_label);
  EXPECT_THAT(set.classes, ElementsAre("beach", "sun"));
  EXPECT_THAT(set.samples[0].labels, ElementsAre(0, 1));
  EXPECT_THAT(set.samples[1].labels, IsEmpty());
  EXPECT_TRUE(open("path,label\na.jpg,x\nb.jpg,\n").multi_label);
  EXPECT_FALSE(open("path,label\na.jpg,x\nb.jpg,y\n").multi_label);
}

TEST_F(CsvDataset, PathsStayInTheFolder) {
  for (const char* path : {"../a.jpg", "x/../../a.jpg", "/etc/passwd", ".."}) {
    EXPECT_THAT(refused_table("path,label\nok.jpg,x\n" + std::string(path) + ",x\n"),
                HasSubstr("t.csv:3: path '" + std::string(path) + "' leaves the folder"));
  }
  const std::string inside = (scratch_ / "in/a.jpg").string();
  EXPECT_THAT(lines(open("path,label\n" + inside + ",x\n")), ElementsAre("in/a.jpg x"));
  // A folder whose name merely begins like ours is another one.
  EXPECT_THAT(refused_table("path,label\n" + scratch_.path().string() + "2/a.jpg,x\n"),
              HasSubstr("leaves the folder"));
  EXPECT_THAT(refused_table("path,label\nsub/,x\n"), HasSubstr("names a folder"));
  EXPECT_THAT(refused_table("path,label\n.,x\n"), HasSubstr("names a folder"));
  EXPECT_THAT(refused_table("path,label\n,x\n"), HasSubstr("t.csv:2: the path is empty"));
}

TEST_F(CsvDataset, AbsolutePathsMayNameTheFolderPastALink) {
  scratch_.write("real/t.csv", "path,label\n" + (scratch_ / "real/a.jpg").string() + ",x\n");
  fs::create_directory_symlink(scratch_ / "real", scratch_ / "link");
  const Dataset set = open_dataset(scratch_ / "link/t.csv");
  EXPECT_EQ(set.samples.at(0).source.file, scratch_ / "link/a.jpg");
}

TEST_F(CsvDataset, RefusesBadTablesWithTheirLine) {
  EXPECT_THAT(refused_table(""), HasSubstr("t.csv is empty"));
  EXPECT_THAT(refused_table("path,label\n"), HasSubstr("lists no images"));
  EXPECT_THAT(refused_table("path,label\na.jpg,\n"), HasSubstr("gives no image a label"));
  EXPECT_THAT(refused_table("path;label\na;b\n"), HasSubstr("t.csv:1: the header has no column"));
  EXPECT_THAT(refused_table("path,Label\na,b\n"), HasSubstr("no column 'label'"));
  EXPECT_THAT(refused_table("path,path,label\na,b,c\n"), HasSubstr("'path' occurs twice"));
  EXPECT_THAT(refused_table("path,label\na.jpg,b\nc.jpg\n"),
              HasSubstr("t.csv:3: 1 fields where the header has 2"));
  EXPECT_THAT(refused_table("path,label\na.jpg,b,c\n"), HasSubstr("quote fields that hold commas"));
  EXPECT_THAT(refused_table("path,label\n\"a.jpg,b\n"), HasSubstr("t.csv:2: a quoted field"));
  EXPECT_THAT(refused_table("path,label\na.jpg,b\n./a.jpg,c\n"),
              HasSubstr("t.csv:3: a.jpg is already listed in line 2"));
  EXPECT_THAT(refused_table("path,label\na.jpg,b| c\n"), HasSubstr("begins or ends with a blank"));
  EXPECT_THAT(refused_table("path,label\na.jpg,b||c\n"), HasSubstr("t.csv:2: a label is empty"));
  EXPECT_THAT(refused_table("path,label\na.jpg,b|b\n"), HasSubstr("'b' is given twice"));
  EXPECT_THAT(refused_table("path,label\na.jpg,\"b\nc\"\n"), HasSubstr("control character"));
  EXPECT_THAT(refused_table("path,label,split\na.jpg,b,dev\n"),
              HasSubstr("t.csv:2: unknown split 'dev': use train, val or test"));
  EXPECT_THAT(refused_table("path,label\na.jpg,caf\xE9\n"), HasSubstr("t.csv:2: the file is not"));
  EXPECT_THAT(refused_table(std::string("path,label\na\0.jpg,b\n", 20)), HasSubstr("not UTF-8"));
  EXPECT_THAT(refused_table("\xFF\xFEp"), HasSubstr("t.csv:1: the file is not UTF-8 text: save"));
}

// Whatever a table says, opening it ends in a data set or in an Error.
TEST_F(CsvDataset, EveryTruncationIsReadOrRefused) {
  const std::string whole =
      "path,label,split\r\n\"a,\"\"1\"\".jpg\",\"x|y\",train\r\nb.jpg,x,val\r\n";
  int opened = 0;
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    try {
      open(whole.substr(0, n));
      ++opened;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_input);
    }
  }
  EXPECT_GE(opened, 2);
}

}  // namespace
}  // namespace caft::testing
