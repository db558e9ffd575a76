#include <gmock/gmock.h>

#include <algorithm>

#include "data/scratch.hpp"

namespace caft::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ClassFolders, SortsClassesAndImagesAndSkipsWhatIsNone) {
  const Scratch scratch;
  for (const char* file :
       {"d/dog/2.PNG", "d/dog/10.jpg", "d/dog/.hidden.jpg", "d/dog/notes.txt", "d/Cat/a.webp",
        "d/Cat/b.Jpeg", "d/Cat/deep/er/c.bmp", "d/.git/x.jpg", "d/README.md"}) {
    scratch.write(file);
  }
  const Dataset dataset = open_dataset(scratch / "d/");
  EXPECT_EQ(dataset.name, "d");
  EXPECT_THAT(dataset.classes, ElementsAre("Cat", "dog"));  // bytewise: capitals first
  EXPECT_FALSE(dataset.multi_label);
  EXPECT_TRUE(dataset.labelled);
  EXPECT_THAT(lines_of(dataset, scratch / "d"),
              ElementsAre("Cat/a.webp Cat", "Cat/b.Jpeg Cat", "Cat/deep/er/c.bmp Cat",
                          "dog/10.jpg dog", "dog/2.PNG dog"));
}

TEST(ClassFolders, NumbersAreSortedAsTextLikeImageFolder) {
  const Scratch scratch;
  for (const char* file : {"10/a.jpg", "9/a.jpg", "1/a.jpg"}) scratch.write(file);
  EXPECT_THAT(open_dataset(scratch.path()).classes, ElementsAre("1", "10", "9"));
}

TEST(ClassFolders, ReadsSplitsAndTheirUnionOfClasses) {
  const Scratch scratch;
  for (const char* file :
       {"validation/b/1.jpg", "Train/a/2.jpg", "Train/c/3.jpg", "valid/a/9.jpg", "test/b/4.jpg"}) {
    scratch.write(file);
  }
  const Dataset dataset = open_dataset(scratch.path());
  EXPECT_THAT(dataset.classes, ElementsAre("a", "b", "c"));
  EXPECT_THAT(
      lines_of(dataset, scratch.path()),
      ElementsAre("Train/a/2.jpg a [train]", "Train/c/3.jpg c [train]", "valid/a/9.jpg a [val]",
                  "validation/b/1.jpg b [val]", "test/b/4.jpg b [test]"));
  EXPECT_THAT(dataset.of_split(Split::val), ElementsAre(2U, 3U));
  EXPECT_THAT(dataset.of_split(Split::none), ElementsAre());
}

TEST(ClassFolders, AClassMayBeCalledTrain) {
  const Scratch scratch;
  for (const char* file : {"car/1.jpg", "train/1.jpg"}) scratch.write(file);
  EXPECT_THAT(open_dataset(scratch.path()).classes, ElementsAre("car", "train"));
}

TEST(ClassFolders, FollowsLinksAndEndsLoops) {
  const Scratch scratch;
  scratch.write("d/a/1.jpg");
  scratch.write("elsewhere/2.jpg");
  scratch.write("folder/3.jpg");
  fs::create_symlink(scratch / "elsewhere/2.jpg", scratch / "d/a/2.jpg");
  fs::create_directory_symlink(scratch / "folder", scratch / "d/a/linked");
  fs::create_directory_symlink(scratch / "d/a", scratch / "d/a/loop");
  fs::create_directory_symlink(scratch / "d", scratch / "folder/up");
  EXPECT_THAT(lines_of(open_dataset(scratch / "d"), scratch / "d"),
              ElementsAre("a/1.jpg a", "a/2.jpg a", "a/linked/3.jpg a"));
}

TEST(ClassFolders, AFolderWithTwoNamesCountsOnceUnderTheFirst) {
  const Scratch scratch;
  scratch.write("c/m/1.jpg");
  for (const char* link : {"z", "b"}) fs::create_directory_symlink("m", scratch / "c" / link);
  EXPECT_THAT(lines_of(open_dataset(scratch.path()), scratch.path()), ElementsAre("c/b/1.jpg c"));
}

TEST(ClassFolders, CrossedLinksDoNotMultiply) {
  const Scratch scratch;  // two links to each next folder: 2^40 ways to the image
  scratch.write("d/a/40/x.jpg");
  for (int i = 0; i < 40; ++i) {
    const fs::path here = scratch / ("d/a/" + std::to_string(i));
    fs::create_directories(here);
    for (const char* link : {"l", "r"}) {
      fs::create_directory_symlink(scratch / ("d/a/" + std::to_string(i + 1)), here / link);
    }
  }
  EXPECT_EQ(open_dataset(scratch / "d").samples.size(), 1U);
}

TEST(ClassFolders, ABrokenLinkIsABadImageNotASilentLoss) {
  const Scratch scratch;
  scratch.write("a/1.jpg");
  fs::create_symlink(scratch / "nowhere.jpg", scratch / "a/2.jpg");
  const Dataset dataset = open_dataset(scratch.path());
  ASSERT_EQ(dataset.samples.size(), 2U);
  EXPECT_THAT(error_of(ErrorKind::not_found, [&] { read_source(dataset.samples[1].source); }),
              HasSubstr("a/2.jpg"));
}

TEST(ClassFolders, RefusesWhatWouldBeMisread) {
  const Scratch scratch;
  EXPECT_THAT(bad_input_of(scratch.path()), HasSubstr("neither class folders nor tar shards"));

  scratch.write("flat/1.jpg");
  EXPECT_THAT(bad_input_of(scratch / "flat"), HasSubstr("images but no class folders: put"));

  scratch.write("empty/a/1.jpg");
  scratch.write("empty/b/notes.txt");
  EXPECT_THAT(bad_input_of(scratch / "empty"), HasSubstr("empty/b holds no images"));

  scratch.write("mixed/a/1.jpg");
  scratch.write("mixed/z.jpg");
  scratch.write("mixed/b.jpg");
  EXPECT_THAT(bad_input_of(scratch / "mixed"), HasSubstr("mixed/b.jpg lies beside class folders"));

  scratch.write("stray/train/a/1.jpg");
  scratch.write("stray/x.jpg");
  EXPECT_THAT(bad_input_of(scratch / "stray"), HasSubstr("stray/x.jpg lies beside the folders"));

  scratch.write("unlabelled/train/a/1.jpg");
  scratch.write("unlabelled/test/1.jpg");
  EXPECT_THAT(bad_input_of(scratch / "unlabelled"), HasSubstr("unlabelled/test holds images but"));

  scratch.write("odd/train/a/1.jpg");
  scratch.write("odd/extra/1.jpg");
  EXPECT_THAT(bad_input_of(scratch / "odd"), HasSubstr("odd/train looks like a split but"));

  scratch.write("name/\xFF/1.jpg");
  EXPECT_THAT(bad_input_of(scratch / "name"), HasSubstr("is not UTF-8: rename"));
  scratch.write("line/a\nb/1.jpg");
  EXPECT_THAT(bad_input_of(scratch / "line"), HasSubstr("control character"));
}

// The same classes, labels and order as the library whose convention this is.
TEST(ClassFolders, AgreesWithTorchvision) {
  const Scratch scratch;
  for (const char* file : {"d/b/z.jpg", "d/b/a/c.jpg", "d/b/a-b/1.jpg", "d/b/a.jpg", "d/b/Z.png",
                           "d/b/a/b/d.webp", "d/10/x.bmp", "d/9/x.jpg", "d/B/\xC3\xA9.jpg",
                           "d/B/e.jpg", "d/B/\xF0\x9F\x90\xB6.jpeg", "d/\xC3\xA4/1.JPG"}) {
    scratch.write(file);
  }
  const std::string theirs = python(scratch, R"(
import sys, torchvision
d = torchvision.datasets.ImageFolder(sys.argv[1])
out = "".join(c + "\n" for c in d.classes)
out += "".join(f"{p} {l}\n" for p, l in d.samples)
sys.stdout.buffer.write(out.encode())
)",
                                    {(scratch / "d").string()});
  const Dataset dataset = open_dataset(scratch / "d");
  std::string ours;
  for (const std::string& name : dataset.classes) ours += name + "\n";
  for (const Sample& sample : dataset.samples) {
    ours += sample.source.display_name() + " " + std::to_string(sample.labels.at(0)) + "\n";
  }
  EXPECT_EQ(ours, theirs);
}

}  // namespace
}  // namespace caft::testing
