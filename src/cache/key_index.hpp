// From a sample's key to its row.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "caft/core/hash.hpp"

namespace caft {

/// Keys in the order of their rows, with an open-addressing hash table of row numbers: about 24
/// bytes a row, where a node-based map takes three times that. Not thread-safe.
class KeyIndex {
 public:
  KeyIndex();
  /// Makes room for `rows` keys in all.
  void reserve(std::size_t rows);
  /// Appends a row. False when an earlier row has the key; the row counts all the same, but `find`
  /// keeps giving the earlier one. Throws Error(bad_input) beyond 2^32 - 2 rows.
  bool add(const Key128& key);
  [[nodiscard]] std::optional<std::uint32_t> find(const Key128& key) const;
  [[nodiscard]] std::size_t size() const { return keys_.size(); }
  [[nodiscard]] std::span<const Key128> keys() const { return keys_; }

 private:
  [[nodiscard]] std::size_t slot_of(const Key128& key) const;
  void rehash(std::size_t slots);

  std::vector<Key128> keys_;
  std::vector<std::uint32_t> slots_;  ///< row + 1, or 0: free
  std::uint64_t seed_;
};

}  // namespace caft
