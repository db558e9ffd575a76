#include "caft/core/file.hpp"

#include <gtest/gtest.h>

#include <array>

#include "caft/core/error.hpp"
#include "temp_folder.hpp"

namespace caft {
namespace {

TEST(File, AtomicWriteReplacesAndLeavesNothingBehind) {
  const test::TempFolder folder;
  write_file_atomically(folder / "a.txt", std::string_view("one"));
  write_file_atomically(folder / "a.txt", std::string_view("two"));
  EXPECT_EQ(read_text(folder / "a.txt"), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(File, FailedWriteLeavesTheOldFile) {
  const test::TempFolder folder;
  std::filesystem::create_directory(folder / "target");
  write_file_atomically(folder / "target" / "x", std::string_view("kept"));
  EXPECT_THROW(write_file_atomically(folder / "target", std::string_view("new")), Error);
  EXPECT_EQ(read_text(folder / "target" / "x"), "kept");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(File, ReadingPastTheEndIsAnError) {
  const test::TempFolder folder;
  write_file_atomically(folder / "a", std::string_view("12345"));
  const File file = File::open(folder / "a");
  std::array<std::byte, 3> part{};
  file.read_at(2, part);
  EXPECT_EQ(std::to_integer<char>(part[0]), '3');
  EXPECT_THROW(file.read_at(3, part), Error);
}

TEST(File, SaysWhatIsWrong) {
  const test::TempFolder folder;
  try {
    (void)File::open(folder / "absent");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
    EXPECT_NE(std::string(error.what()).find("absent"), std::string::npos);
  }
  EXPECT_THROW((void)File::open(folder.path()), Error);  // a folder
  write_file_atomically(folder / "big", std::string(100, 'x'));
  EXPECT_THROW((void)read_file(folder / "big", 99), Error);
}

}  // namespace
}  // namespace caft
