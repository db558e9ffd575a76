#include <gmock/gmock.h>

#include <map>

#include "data/scratch.hpp"

namespace caft::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A shard with these members, written by Python's tarfile in this order.
void shard(const Scratch& scratch, const std::string& name,
           const std::vector<std::pair<std::string, std::string>>& members) {
  std::vector<std::string> arguments = {(scratch / name).string()};
  for (const auto& [member, text] : members) {
    arguments.push_back(member);
    arguments.push_back(text);
  }
  fs::create_directories((scratch / name).parent_path());
  python(scratch, R"(
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w") as tar:
    for name, text in zip(sys.argv[2::2], sys.argv[3::2]):
        info = tarfile.TarInfo(name)
        data = text.encode("utf-8", "surrogateescape")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
)",
         arguments);
}

TEST(WebDataset, ReadsOneShardWithNames) {
  const Scratch scratch;
  shard(scratch, "s.tar",
        {{"a/0.cls", "dog\n"},
         {"a/0.jpg", "image0"},
         {"a/0.seg.png", "mask"},
         {"a/0.txt", "text"},
         {"a/1.JSON", R"({"label": "cat", "cls": 7})"},
         {"a/1.v2.json", "junk"},
         {"a/1.PNG", "image1"},
         {"b/1.webp", "image2"},
         {"b/1.cls", "cat"},
         {"b/1.json", "metadata, not even JSON"},
         {"info.json", "{}"},
         {"._b", "x"},
         {".hidden.jpg", "x"}});
  const Dataset set = open_dataset(scratch / "s.tar");
  EXPECT_THAT(set.classes, ElementsAre("cat", "dog"));
  EXPECT_FALSE(set.multi_label);
  EXPECT_THAT(lines_of(set, scratch.path()),
              ElementsAre("s.tar:a/0.jpg dog", "s.tar:a/1.PNG cat", "s.tar:b/1.webp cat"));
  const auto bytes = read_source(set.samples[2].source);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "image2");
}

TEST(WebDataset, IntegersAreClassesByNumber) {
  const Scratch scratch;
  shard(scratch, "s.tar",
        {{"0.jpg", "x"},
         {"0.cls", "10"},
         {"1.jpg", "x"},
         {"1.cls", " 9\r\n"},
         {"2.jpg", "x"},
         {"2.json", R"({"cls": 2})"}});
  const Dataset set = open_dataset(scratch / "s.tar");
  EXPECT_THAT(set.classes, ElementsAre("2", "9", "10"));
  EXPECT_THAT(set.samples[0].labels, ElementsAre(2));
}

TEST(WebDataset, MixedNamesAreSortedAsText) {
  const Scratch scratch;
  shard(scratch, "s.tar",
        {{"0.jpg", "x"},
         {"0.cls", "10"},
         {"1.jpg", "x"},
         {"1.cls", "9"},
         {"2.jpg", "x"},
         {"2.cls", "none"}});
  EXPECT_THAT(open_dataset(scratch / "s.tar").classes, ElementsAre("10", "9", "none"));
}

TEST(WebDataset, ClassesFileGivesNamesAndOrder) {
  const Scratch scratch;
  scratch.write("d/classes.txt", "zebra\r\nant\nhorse\n");
  shard(scratch, "d/s.tar",
        {{"0.jpg", "x"},
         {"0.cls", "0"},
         {"1.jpg", "x"},
         {"1.cls", "ant"},
         {"2.jpg", "x"},
         {"2.json", R"({"labels": [2, "ant"]})"},
         {"3.jpg", "x"},
         {"3.json", R"({"labels": []})"}});
  const Dataset set = open_dataset(scratch / "d");
  EXPECT_EQ(set.name, "d");
  EXPECT_THAT(set.classes, ElementsAre("zebra", "ant", "horse"));
  EXPECT_TRUE(set.multi_label);
  EXPECT_THAT(lines_of(set, scratch / "d"), ElementsAre("s.tar:0.jpg zebra", "s.tar:1.jpg ant",
                                                        "s.tar:2.jpg ant horse", "s.tar:3.jpg"));
  for (const char* label : {"3", "99999999999999999999", "cow"}) {
    shard(scratch, "d/s.tar", {{"0.jpg", "x"}, {"0.cls", label}});
    EXPECT_THAT(bad_input_of(scratch / "d"),
                HasSubstr("s.tar:0.cls: label '" + std::string(label) + "' is not in classes.txt"));
  }
  scratch.write("d/classes.txt", "a\n\nb\n");
  EXPECT_THAT(bad_input_of(scratch / "d"), HasSubstr("classes.txt:2: a label is empty"));
  scratch.write("d/classes.txt", "a\nb\na\n");
  EXPECT_THAT(bad_input_of(scratch / "d"), HasSubstr("classes.txt:3: class 'a' is already listed"));
}

TEST(WebDataset, ShardNamesGiveSplitsOrNone) {
  const Scratch scratch;
  const auto one = [](const std::string& label) {
    return std::vector<std::pair<std::string, std::string>>{{"0.jpg", "x"}, {"0.cls", label}};
  };
  shard(scratch, "d/val-000.tar", one("a"));
  shard(scratch, "d/train-001.tar", one("b"));
  shard(scratch, "d/train-000.tar", one("a"));
  shard(scratch, "d/test.tar", one("a"));
  EXPECT_THAT(lines_of(open_dataset(scratch / "d"), scratch / "d"),
              ElementsAre("test.tar:0.jpg a [test]", "train-000.tar:0.jpg a [train]",
                          "train-001.tar:0.jpg b [train]", "val-000.tar:0.jpg a [val]"));
  shard(scratch, "d/training-0.tar", one("a"));  // another word
  EXPECT_THAT(bad_input_of(scratch / "d"), HasSubstr("training-0.tar does not"));

  shard(scratch, "plain/b.tar", one("a"));
  shard(scratch, "plain/a.tar", one("b"));
  scratch.write("plain/notes.txt");
  EXPECT_THAT(lines_of(open_dataset(scratch / "plain"), scratch / "plain"),
              ElementsAre("a.tar:0.jpg b", "b.tar:0.jpg a"));
}

TEST(WebDataset, RefusesIncompleteSamples) {
  const Scratch scratch;
  const auto refused = [&](const std::vector<std::pair<std::string, std::string>>& members) {
    shard(scratch, "s.tar", members);
    return bad_input_of(scratch / "s.tar");
  };
  EXPECT_THAT(refused({{"0.jpg", "x"}, {"0.cls", "a"}, {"1.jpg", "x"}}),
              HasSubstr("s.tar:1.jpg has no label: add"));
  EXPECT_THAT(refused({{"0.jpg", "x"}, {"0.cls", "a"}, {"1.cls", "x"}, {"1.tiff", "x"}}),
              HasSubstr("s.tar:1.cls labels no image"));
  EXPECT_THAT(refused({{"0.jpg", "x"}, {"0.png", "a"}}), HasSubstr("s.tar:0.png repeats 0.jpg"));
  EXPECT_THAT(refused({{"0.jpg", "x"}, {"0.cls", " \n"}}), HasSubstr("0.cls: a label is empty"));
  EXPECT_THAT(refused({{"0.jpg", "x"}, {"0.cls", "a\nb"}}), HasSubstr("control character"));
  EXPECT_THAT(refused({{"0.jpg", "x"}, {"0.cls", std::string(70000, 'a')}}),
              HasSubstr("over the limit of 65536"));
  EXPECT_THAT(refused({{"0.jpg", "x"}, {"0.json", "{"}}), HasSubstr("0.json: not valid JSON"));
  EXPECT_THAT(refused({{"0.jpg", "x"}, {"0.json", "[1]"}}), HasSubstr("0.json has none of"));
  EXPECT_THAT(refused({{"0.jpg", "x"}, {"0.json", R"({"caption": "x"})"}}),
              HasSubstr("has none of"));
  EXPECT_THAT(refused({{"0.jpg", "x"}, {"0.json", R"({"label": false})"}}),
              HasSubstr("a label is boolean"));
  EXPECT_THAT(refused({{"0.jpg", "x"}, {"0.json", R"({"labels": ["a", "a"]})"}}),
              HasSubstr("'a' is given twice"));
  EXPECT_THAT(refused({{"0.jpg", "x"}, {"0.json", R"({"labels": []})"}}),
              HasSubstr("gives no image a label"));
  EXPECT_THAT(refused({{"0.txt", "x"}}), HasSubstr("no image members"));
}

}  // namespace
}  // namespace caft::testing
