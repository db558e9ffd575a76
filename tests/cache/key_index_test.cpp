#include "cache/key_index.hpp"

#include <gtest/gtest.h>

#include <unordered_map>

#include "cache/support.hpp"

namespace caft {
namespace {

using namespace cache_test;

TEST(KeyIndex, FindsTheFirstRowOfEachKey) {
  KeyIndex index;
  std::unordered_map<SampleKey, std::uint32_t> wanted;
  std::mt19937 random(3);
  for (std::uint32_t row = 0; row < 20000; ++row) {
    const SampleKey key = key_of(random() % 15000);
    EXPECT_EQ(index.add(key), wanted.emplace(key, row).second);
    if (row == 777) index.reserve(5000);
  }
  for (std::uint64_t i = 0; i < 16000; ++i) {
    const auto found = wanted.find(key_of(i));
    const auto row = index.find(key_of(i));
    ASSERT_EQ(row.has_value(), found != wanted.end());
    if (row) {
      ASSERT_EQ(*row, found->second);
    }
  }
}

// Keys come from outside: those that share their first half must not all fall into one slot.
TEST(KeyIndex, KeysThatShareAHalfAreFound) {
  KeyIndex index;
  for (std::uint32_t i = 0; i < 50000; ++i) {
    SampleKey key{};
    std::memcpy(key.bytes.data() + (i % 2 != 0 ? 8 : 0), &i, sizeof i);
    index.add(key);
  }
  EXPECT_EQ(index.size(), 50000u);
}

}  // namespace
}  // namespace caft
