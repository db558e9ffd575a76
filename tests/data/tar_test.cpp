#include "data/tar.hpp"

#include <gmock/gmock.h>

#include <array>
#include <cstring>
#include <random>

#include "caft/core/file.hpp"
#include "data/scratch.hpp"

namespace caft::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

data::TarIndex index(const fs::path& path) { return data::index_tar(File::open(path)); }

std::string contents(const fs::path& archive, const data::TarMember& member) {
  const auto bytes = read_source({archive, member.name, member.offset, member.size});
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Each member as "NAME=CONTENTS".
std::vector<std::string> listed(const fs::path& archive) {
  std::vector<std::string> lines;
  for (const auto& member : index(archive).members) {
    lines.push_back(member.name + "=" + contents(archive, member));
  }
  return lines;
}

/// A header block as a program would write it, for archives that none writes.
struct Header {
  std::string name = "a.jpg";
  std::string size = "00000000005";  ///< the raw field, at most 12 bytes
  char type = '0';
  std::string prefix = {};
  std::string magic{"ustar\00000", 8};  ///< POSIX's, with its version

  [[nodiscard]] std::string bytes(int checksum_error = 0) const {
    std::string block(512, '\0');
    block.replace(0, name.size(), name);
    block.replace(100, 7, "0000644");
    block.replace(124, size.size(), size);
    block.replace(148, 8, "        ");
    block[156] = type;
    block.replace(257, 8, magic);
    block.replace(345, prefix.size(), prefix);
    int sum = checksum_error;
    for (const char c : block) sum += static_cast<unsigned char>(c);
    std::array<char, 8> field{};
    std::snprintf(field.data(), field.size(), "%06o", static_cast<unsigned>(sum));
    block.replace(148, 8, std::string(field.data(), 7) + " ");
    return block;
  }
};

std::string padded(std::string data) {
  data.resize((data.size() + 511) / 512 * 512);
  return data;
}

const std::string kEnd(1024, '\0');
const std::string kData = padded("hello");

class Tar : public ::testing::Test {
 protected:
  fs::path write(const std::string& bytes) { return scratch_.write("t.tar", bytes); }
  std::string refused(const std::string& bytes) {
    const fs::path path = write(bytes);
    return error_of(ErrorKind::bad_input, [&] { index(path); });
  }
  Scratch scratch_;
};

// Python writes all three forms, with names that need each form's extension.
TEST_F(Tar, ReadsWhatPythonWrites) {
  python(scratch_, R"(
import io, sys, tarfile
root = sys.argv[1]
long = "d" * 60 + "/" + "e" * 60 + "/" + "f" * 60 + ".jpg"
for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
    with tarfile.open(f"{root}/{form}.tar", "w", format=form) as tar:
        def add(name, data=b"", **fields):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in fields.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(data))
        add("folder", type=tarfile.DIRTYPE)
        add("./folder/a.jpg", b"first")
        add("link", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        add("hard", type=tarfile.LNKTYPE, linkname="folder/a.jpg")
        add("pipe", type=tarfile.FIFOTYPE)
        add("device", type=tarfile.CHRTYPE)
        add(long, b"x" * 512)
        if form != tarfile.USTAR_FORMAT:
            add("g" * 300 + ".jpg", b"")
            add("\u00e9.jpg", b"accent")
        add("last.cls", b"3\n", mtime=1.5)
)",
         {scratch_.path().string()});
  const std::string long_name = std::string(60, 'd') + "/" + std::string(60, 'e') + "/" +
                                std::string(60, 'f') + ".jpg=" + std::string(512, 'x');
  EXPECT_THAT(listed(scratch_ / "0.tar"),
              ElementsAre("folder/a.jpg=first", long_name, "last.cls=3\n"));
  for (const char* form : {"1.tar", "2.tar"}) {
    EXPECT_THAT(listed(scratch_ / form),
                ElementsAre("folder/a.jpg=first", long_name, std::string(300, 'g') + ".jpg=",
                            "\xC3\xA9.jpg=accent", "last.cls=3\n"));
  }
  for (const char* form : {"0.tar", "1.tar", "2.tar"})
    EXPECT_EQ(index(scratch_ / form).skipped, 4U);
}

TEST_F(Tar, ReadsWhatTheSystemsTarWrites) {
  const std::string deep = "in/" + std::string(120, 'n') + "/" + std::string(90, 'm') + ".jpg";
  scratch_.write("a.jpg", "one");
  scratch_.write(deep, "two");
  fs::create_symlink("a.jpg", scratch_ / "link.jpg");
  for (const char* form : {"gnu", "oldgnu", "pax", "posix", "ustar", "v7"}) {
    const fs::path archive = scratch_ / (std::string(form) + ".tar");
    std::vector<std::string> command = {"tar",     "-C",  scratch_.path().string(), "--format",
                                        form,      "-cf", archive.string(),         "./a.jpg",
                                        "link.jpg"};
    const bool has_long_names = std::string(form) != "v7";
    if (has_long_names) command.push_back(deep);
    ASSERT_EQ(run_process(command).exit_code, 0) << form;
    std::vector<std::string> expected = {"a.jpg=one"};
    if (has_long_names) expected.push_back(deep + "=two");
    EXPECT_EQ(listed(archive), expected) << form;
    EXPECT_EQ(index(archive).skipped, 1U) << form;
  }
}

// A member beyond what octal holds: a sparse file of 9 GB, of which no byte is stored.
TEST_F(Tar, ReadsSizesOverEightGigabytes) {
  const std::uint64_t size = 9'000'000'000;
  const std::string pax_body = "19 size=9000000000\n";
  ASSERT_EQ(pax_body.size(), 19U);
  std::string base256(12, '\0');
  base256[0] = static_cast<char>(0x80);
  for (int i = 0; i < 8; ++i)
    base256[11 - static_cast<std::size_t>(i)] = static_cast<char>(size >> (8 * i) & 0xFF);
  const std::string by_pax = Header{.name = "p", .size = "00000000023", .type = 'x'}.bytes() +
                             padded(pax_body) + Header{.name = "a.jpg", .size = "0"}.bytes();
  for (const std::string& headers : {Header{.name = "a.jpg", .size = base256}.bytes(), by_pax}) {
    const fs::path path = write(headers);
    const std::uint64_t data = (size + 511) / 512 * 512;
    fs::resize_file(path, headers.size() + data);
    {
      std::ofstream tail(path, std::ios::binary | std::ios::app);
      tail << Header{.name = "b.jpg"}.bytes() << kData << kEnd;
    }
    const data::TarIndex found = index(path);
    ASSERT_EQ(found.members.size(), 2U);
    EXPECT_EQ(found.members[0].size, size);
    EXPECT_EQ(contents(path, found.members[1]), "hello");
  }
}

TEST_F(Tar, RefusesNamesThatEscape) {
  for (const char* name : {"../a.jpg", "/etc/a.jpg", "x/../../a.jpg", "x/.."}) {
    EXPECT_THAT(refused(Header{.name = name}.bytes() + kData + kEnd), HasSubstr(name)) << name;
  }
  EXPECT_THAT(refused(Header{.name = "a.jpg", .prefix = "../up"}.bytes() + kData + kEnd),
              HasSubstr("leaves the archive's folder"));
  EXPECT_THAT(refused(Header{.name = "./"}.bytes() + kData + kEnd), HasSubstr("checksum"));
  EXPECT_THAT(refused(Header{.name = "."}.bytes() + kData + kEnd), HasSubstr("no name"));
  const std::string pax = "19 path=/etc/x.jpg\n";
  EXPECT_THAT(refused(Header{.size = "00000000023", .type = 'x'}.bytes() + padded(pax) +
                      Header{}.bytes() + kData + kEnd),
              HasSubstr("absolute name"));
  EXPECT_THAT(refused(Header{.size = "00000000012", .type = 'L'}.bytes() + padded("../../x.jpg") +
                      Header{}.bytes() + kData + kEnd),
              HasSubstr("leaves the archive's folder"));
  EXPECT_THAT(listed(write(Header{.name = "..a/b..jpg"}.bytes() + kData + kEnd)),
              ElementsAre("..a/b..jpg=hello"));  // dots alone are harmless
}

TEST_F(Tar, RefusesDamage) {
  const std::string good = Header{}.bytes() + kData;
  EXPECT_THAT(listed(write(good + kEnd)), ElementsAre("a.jpg=hello"));
  EXPECT_THAT(listed(write(good + kEnd.substr(0, 512))), ElementsAre("a.jpg=hello"));
  EXPECT_THAT(refused(Header{}.bytes(1) + kData + kEnd),
              HasSubstr("at byte 0: the header's checksum"));
  EXPECT_THAT(refused(good + Header{}.bytes(-1) + kData + kEnd), HasSubstr("at byte 1024"));
  EXPECT_THAT(refused(good + kEnd + good + kEnd), HasSubstr("data follows the end marker"));
  EXPECT_THAT(refused(""), HasSubstr("without its end marker"));
  EXPECT_THAT(refused(std::string(5000, 'x')), HasSubstr("checksum"));
}

TEST_F(Tar, RefusesSizesBeyondTheArchive) {
  EXPECT_THAT(refused(Header{.size = "00000077777"}.bytes() + kData + kEnd),
              HasSubstr("32767 bytes does not fit"));
  EXPECT_THAT(refused(Header{.size = "77777777777"}.bytes() + kData + kEnd),
              HasSubstr("does not fit"));
  const auto binary = [](unsigned char first, unsigned char fill) {
    return std::string(1, static_cast<char>(first)) + std::string(11, static_cast<char>(fill));
  };
  EXPECT_THAT(refused(Header{.size = binary(0xFF, 0xFF)}.bytes() + kEnd),
              HasSubstr("not a number"));
  EXPECT_THAT(refused(Header{.size = binary(0x80, 0xFF)}.bytes() + kEnd),
              HasSubstr("not a number"));
  EXPECT_THAT(
      refused(
          Header{.size = std::string("\x80\0\0\0\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 12)}.bytes() +
          kEnd),
      HasSubstr("9223372036854775807 bytes does not fit"));
  EXPECT_THAT(refused(Header{.size = "0000000000x"}.bytes() + kEnd), HasSubstr("not a number"));
  EXPECT_THAT(refused(Header{.size = "-0000000005"}.bytes() + kEnd), HasSubstr("not a number"));
  for (const char type : {'L', 'x', 'g'}) {
    EXPECT_THAT(refused(Header{.size = "77777777777", .type = type}.bytes() + kEnd),
                HasSubstr("larger than 1 MiB"));
    EXPECT_THAT(refused(Header{.size = "00000010000", .type = type}.bytes() + kEnd),
                HasSubstr("does not fit"));
  }
}

TEST_F(Tar, RefusesBadPaxRecordsAndKindsItCannotRead) {
  const auto pax = [&](const std::string& body, char type = 'x') {
    std::array<char, 12> size{};
    std::snprintf(size.data(), size.size(), "%011o", static_cast<unsigned>(body.size()));
    return refused(Header{.size = size.data(), .type = type}.bytes() + padded(body) +
                   Header{}.bytes() + kData + kEnd);
  };
  EXPECT_THAT(pax("nonsense"), HasSubstr("no length"));
  EXPECT_THAT(pax("9999999999999999999999 path=a\n"), HasSubstr("no length"));
  EXPECT_THAT(pax("99 path=a\n"), HasSubstr("length is wrong"));
  EXPECT_THAT(pax("1 path=a\n"), HasSubstr("length is wrong"));
  EXPECT_THAT(pax("8 path=a\n"), HasSubstr("length is wrong"));
  EXPECT_THAT(pax("7 path\n"), HasSubstr("no '='"));
  EXPECT_THAT(pax("13 size=0x10\n"), HasSubstr("pax size is not a number"));
  EXPECT_THAT(pax("28 size=9999999999999999999\n"), HasSubstr("pax size is not a number"));
  EXPECT_THAT(pax("22 GNU.sparse.major=1\n"), HasSubstr("sparse"));
  EXPECT_THAT(pax("10 path=a\n", 'g'), HasSubstr("global pax header"));
  EXPECT_THAT(pax(std::string("11 path=a\0\n", 11)), HasSubstr("NUL"));
  EXPECT_THAT(refused(Header{.type = 'S'}.bytes() + kData + kEnd), HasSubstr("sparse"));
  EXPECT_THAT(
      refused(Header{.size = "00000000012", .type = 'x'}.bytes() + padded("10 path=a\n") + kEnd),
      HasSubstr("stands before no member"));
}

TEST_F(Tar, SkipsUnknownKindsWithTheirData) {
  const fs::path path =
      write(Header{.type = 'Z'}.bytes() + kData + Header{}.bytes() + kData + kEnd);
  EXPECT_THAT(listed(path), ElementsAre("a.jpg=hello"));
  EXPECT_EQ(index(path).skipped, 1U);
}

TEST_F(Tar, LinksHaveNoDataWhateverTheyDeclare) {
  for (const char type : {'1', '2', '3', '4', '6'}) {
    const fs::path path = write(Header{.size = "00000010000", .type = type}.bytes() +
                                Header{}.bytes() + kData + kEnd);
    EXPECT_THAT(listed(path), ElementsAre("a.jpg=hello")) << type;
    EXPECT_EQ(index(path).skipped, 1U) << type;
  }
}

TEST_F(Tar, OnlyPosixKeepsAPrefix) {
  const std::string gnu("ustar  \0", 8);  // there its place holds times of access
  EXPECT_THAT(listed(write(Header{.prefix = "in/deep"}.bytes() + kData + kEnd)),
              ElementsAre("in/deep/a.jpg=hello"));
  EXPECT_THAT(listed(write(Header{.prefix = "14012345670", .magic = gnu}.bytes() + kData + kEnd)),
              ElementsAre("a.jpg=hello"));
}

// A cut anywhere is noticed, except within the zeros behind the first end block.
TEST_F(Tar, EveryTruncationIsRefused) {
  python(scratch_, R"(
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as tar:
    for i in range(3):
        info = tarfile.TarInfo("\u00e9" * 60 + f"{i}.jpg")
        info.size = 700
        tar.addfile(info, io.BytesIO(b"z" * 700))
)",
         {(scratch_ / "whole.tar").string()});
  const std::string whole = read_text(scratch_ / "whole.tar");
  ASSERT_EQ(index(scratch_ / "whole.tar").members.size(), 3U);
  const std::size_t members_end = 3 * (512 + 512 + 512 + 1024);
  for (std::size_t n = 0; n < whole.size(); n += n < members_end + 1024 ? 37 : 512) {
    const fs::path path = write(whole.substr(0, n));
    if (n >= members_end + 512) {
      EXPECT_EQ(index(path).members.size(), 3U) << n;
    } else {
      error_of(ErrorKind::bad_input, [&] { index(path); });
    }
  }
}

// Whatever bytes change, the index names only what lies within the archive, or there is an Error.
TEST_F(Tar, DamagedBytesNeverLeadOutside) {
  const std::string good = Header{.size = "00000000012", .type = 'x'}.bytes() +
                           padded("10 path=b\n") + Header{}.bytes() + kData +
                           Header{.name = "c.jpg"}.bytes() + kData + kEnd;
  std::mt19937 random(5);
  int refusals = 0;
  for (int trial = 0; trial < 1000; ++trial) {
    std::string bytes = good;
    for (int k = 0; k < 1 + trial % 3; ++k) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const fs::path path = write(bytes);
    try {
      for (const auto& member : index(path).members) {
        ASSERT_LE(member.offset, bytes.size());
        ASSERT_LE(member.size, bytes.size() - member.offset);
      }
    } catch (const Error& error) {
      ASSERT_EQ(error.kind(), ErrorKind::bad_input) << error.what();
      ++refusals;
    }
  }
  EXPECT_GT(refusals, 300);
}

}  // namespace
}  // namespace caft::testing
