#include "cache/key_index.hpp"

#include <bit>
#include <cstring>
#include <limits>
#include <random>

#include "caft/core/error.hpp"

namespace caft {
namespace {

constexpr std::size_t kFirstSlots = 64;
constexpr std::size_t kMaxRows = std::numeric_limits<std::uint32_t>::max() - 1;

}  // namespace

// The seed keeps a hostile shard from choosing keys that all fall into one place.
KeyIndex::KeyIndex() : slots_(kFirstSlots), seed_(std::random_device{}()) {}

std::size_t KeyIndex::slot_of(const Key128& key) const {
  std::uint64_t words[2];
  std::memcpy(words, key.bytes.data(), sizeof words);
  std::uint64_t mixed = (words[0] ^ seed_) * 0x9e3779b97f4a7c15u;  // 2^64 / golden ratio
  mixed = (std::rotl(mixed, 32) ^ words[1]) * 0x9e3779b97f4a7c15u;
  return static_cast<std::size_t>(mixed >> 32) & (slots_.size() - 1);
}

void KeyIndex::reserve(std::size_t rows) {
  keys_.reserve(rows);
  // At most two thirds full.
  if (rows + rows / 2 + 1 > slots_.size()) rehash(std::bit_ceil(rows + rows / 2 + 1));
}

void KeyIndex::rehash(std::size_t slots) {
  slots_.assign(slots, 0);
  for (std::size_t row = 0; row < keys_.size(); ++row) {
    std::size_t slot = slot_of(keys_[row]);
    while (slots_[slot] != 0 && keys_[slots_[slot] - 1] != keys_[row])
      slot = (slot + 1) & (slots - 1);
    if (slots_[slot] == 0) slots_[slot] = static_cast<std::uint32_t>(row + 1);
  }
}

bool KeyIndex::add(const Key128& key) {
  if (keys_.size() >= kMaxRows)
    throw Error(ErrorKind::bad_input, "a cache holds at most 4,294,967,294 rows",
                "split the data set over several caches");
  if ((keys_.size() + 1) * 3 > slots_.size() * 2) rehash(slots_.size() * 2);
  std::size_t slot = slot_of(key);
  while (slots_[slot] != 0 && keys_[slots_[slot] - 1] != key)
    slot = (slot + 1) & (slots_.size() - 1);
  keys_.push_back(key);
  if (slots_[slot] != 0) return false;
  slots_[slot] = static_cast<std::uint32_t>(keys_.size());
  return true;
}

std::optional<std::uint32_t> KeyIndex::find(const Key128& key) const {
  std::size_t slot = slot_of(key);
  while (slots_[slot] != 0) {
    if (keys_[slots_[slot] - 1] == key) return slots_[slot] - 1;
    slot = (slot + 1) & (slots_.size() - 1);
  }
  return std::nullopt;
}

}  // namespace caft
