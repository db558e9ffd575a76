#include "caft/core/hash.hpp"

#include <gtest/gtest.h>

#include <string>
#include <unordered_set>

#include "caft/core/file.hpp"
#include "temp_folder.hpp"

namespace caft {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(Hash, Sha256KnownAnswers) {  // FIPS 180-4 examples
  EXPECT_EQ(sha256(bytes_of("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Hash, Sha256OfAFileLargerThanABlock) {
  const test::TempFolder folder;
  const std::string text(3'000'001, 'q');
  write_file_atomically(folder / "f", text);
  EXPECT_EQ(sha256_file(folder / "f"), sha256(bytes_of(text)));
}

TEST(Hash, Xxh3KnownAnswers) {  // of the empty input, as the XXH3 specification gives them
  EXPECT_EQ(to_hex(xxh3_128({})), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(xxh3_64({}), 0x2d06800538d394c2ULL);
}

TEST(Hash, KeysDifferWithContent) {
  std::unordered_set<Key128> keys;
  for (int i = 0; i < 1000; ++i) keys.insert(xxh3_128(bytes_of("image " + std::to_string(i))));
  EXPECT_EQ(keys.size(), 1000U);
}

}  // namespace
}  // namespace caft
