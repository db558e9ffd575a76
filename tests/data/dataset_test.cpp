#include <gmock/gmock.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "data/scratch.hpp"

namespace caft::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(OpenDataset, SaysWhatItCannotOpen) {
  const Scratch scratch;
  EXPECT_THAT(error_of(ErrorKind::not_found, [&] { open_dataset(scratch / "none"); }),
              HasSubstr("none does not exist"));
  EXPECT_THAT(error_of(ErrorKind::not_found, [&] { open_dataset(scratch / "none.csv"); }),
              HasSubstr("none.csv does not exist"));
  EXPECT_THAT(bad_input_of(scratch.write("a.jpg")), HasSubstr("a.jpg is no data set: give"));
  EXPECT_THAT(bad_input_of(scratch.write("a.tar.gz")), HasSubstr("decompress it"));
  EXPECT_THAT(bad_input_of(scratch.write("a.tgz")), HasSubstr("decompress it"));
  EXPECT_THAT(bad_input_of(scratch.write("a.tar", "\x1F\x8B" + std::string(600, 'x'))),
              HasSubstr("compressed, or no tar archive"));
}

TEST(OpenDataset, TakesItsNameFromTheLastPart) {
  const Scratch scratch;
  scratch.write("pets/a/1.jpg");
  EXPECT_EQ(open_dataset(scratch / "pets").name, "pets");
  EXPECT_EQ(open_dataset(scratch / "pets/").name, "pets");
  EXPECT_EQ(open_dataset(scratch / "pets/./").name, "pets");
  EXPECT_EQ(open_dataset(scratch.write("T.CSV", "path,label\na.jpg,x\n")).name, "T.CSV");
}

TEST(OpenImages, TakesFilesFoldersAndArchives) {
  const Scratch scratch;
  scratch.write("f/b/2.jpg");
  scratch.write("f/z.png");
  scratch.write("f/.hidden.jpg");
  scratch.write("f/notes.txt");
  scratch.write("photo.dat", "content decides");
  ASSERT_EQ(run_process({"tar", "-C", (scratch / "f").string(), "-cf", (scratch / "t.tar").string(),
                         "z.png", "notes.txt", "b/2.jpg", ".hidden.jpg"})
                .exit_code,
            0);
  const Dataset set = open_images({scratch / "photo.dat", scratch / "f", scratch / "t.tar"});
  EXPECT_FALSE(set.labelled);
  EXPECT_TRUE(set.classes.empty());
  EXPECT_EQ(set.name, "photo.dat");
  EXPECT_THAT(lines_of(set, scratch.path()),
              ElementsAre("photo.dat", "f/z.png", "f/b/2.jpg", "t.tar:z.png", "t.tar:b/2.jpg"));
  EXPECT_EQ(text_of(read_source(set.samples[0].source)), "content decides");
  EXPECT_EQ(text_of(read_source(set.samples[4].source)), "bytes");

  fs::create_directory(scratch / "shards");
  fs::rename(scratch / "t.tar", scratch / "shards/t.tar");
  EXPECT_EQ(open_images({scratch / "shards"}).samples.size(), 2U);
}

TEST(OpenImages, RefusesWhatHoldsNone) {
  const Scratch scratch;
  const auto refused = [&](const fs::path& path) {
    return error_of(ErrorKind::bad_input, [&] { open_images({path}); });
  };
  fs::create_directory(scratch / "empty");
  EXPECT_THAT(refused(scratch / "empty"), HasSubstr("empty holds no images"));
  EXPECT_THAT(refused(scratch.write("none.tar", std::string(1024, '\0'))),
              HasSubstr("none.tar holds no images"));
  ASSERT_EQ(::mkfifo((scratch / "pipe.jpg").c_str(), 0600), 0);
  EXPECT_THAT(refused(scratch / "pipe.jpg"), HasSubstr("neither a file nor a folder"));
  error_of(ErrorKind::not_found, [&] { open_images({scratch / "x.jpg"}); });
  error_of(ErrorKind::usage, [&] { open_images({}); });
}

TEST(ReadSource, KeepsToItsLimits) {
  const Scratch scratch;
  const fs::path file = scratch.write("a.bin", "0123456789");
  EXPECT_EQ(text_of(read_source({file, "", 0, std::nullopt})), "0123456789");
  EXPECT_EQ(text_of(read_source({file, "", 0, std::nullopt}, 10)), "0123456789");
  EXPECT_EQ(text_of(read_source({file, "m", 3, 4})), "3456");
  EXPECT_EQ(text_of(read_source({file, "m", 10, 0})), "");
  const auto refused = [&](const ImageSource& source, std::uint64_t limit) {
    return error_of(ErrorKind::bad_input, [&] { read_source(source, limit); });
  };
  EXPECT_THAT(refused({file, "", 0, std::nullopt}, 9), HasSubstr("over the limit of 9"));
  EXPECT_THAT(refused({file, "m", 0, 5}, 4), HasSubstr("a.bin:m has 5 bytes"));
  EXPECT_THAT(refused({file, "m", 8, 3}, 100), HasSubstr("beyond the end"));
  EXPECT_THAT(refused({file, "m", ~std::uint64_t{0}, 3}, 100), HasSubstr("beyond the end"));
  EXPECT_THAT(refused({scratch.path(), "", 0, std::nullopt}, 100), HasSubstr("not a regular file"));
  ASSERT_EQ(::mkfifo((scratch / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(refused({scratch / "pipe", "", 0, std::nullopt}, 100), HasSubstr("not a regular"));
  error_of(ErrorKind::not_found, [&] { read_source({scratch / "gone", "", 0, std::nullopt}); });
}

TEST(DisplayName, CannotBreakJsonOrATerminal) {
  EXPECT_EQ((ImageSource{"dogs/1.jpg", "", 0, {}}.display_name()), "dogs/1.jpg");
  EXPECT_EQ((ImageSource{"s.tar", "k/1.jpg", 0, 3}.display_name()), "s.tar:k/1.jpg");
  EXPECT_EQ((ImageSource{"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\xB6", "", 0, {}}.display_name()),
            "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\xB6");
  const std::string bad = "\xEF\xBF\xBD";
  for (const char* hostile : {"\x1B[2J", "\n", "\x7F", "\xC2\x9B", "\xFF", "\xC0\xAF",
                              "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\x80"}) {
    const std::string shown = ImageSource{hostile, "", 0, {}}.display_name();
    EXPECT_THAT(shown, ::testing::StartsWith(bad));
    EXPECT_NO_THROW(static_cast<void>(nlohmann::json(shown).dump()));
  }
}

}  // namespace
}  // namespace caft::testing
