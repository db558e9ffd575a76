// What an open cache knows. The public classes are thin shells over this.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "cache/index.hpp"
#include "cache/key_index.hpp"
#include "cache/shard.hpp"
#include "caft/cache/cache.hpp"

namespace caft {

/// Shards and their rows, numbered through: row r of shard i is row first_row[i] + r. Not
/// thread-safe.
struct Catalog {
  std::vector<std::shared_ptr<const Shard>> shards;
  std::vector<std::uint64_t> first_row;
  KeyIndex keys;
  void add(Shard shard, std::span<const Key128> shard_keys);
};

/// An open cache, shared by the Cache and its Writer.
struct CacheState {
  /// Opens the folder's index, rebuilding a lost one, and loads every shard that it lists.
  explicit CacheState(const std::filesystem::path& folder);

  [[nodiscard]] const CacheIdentity& identity() const { return index.identity(); }
  /// Adds shards that the index lists and the catalog lacks: another process wrote them.
  void refresh();
  [[nodiscard]] bool contains(const SampleKey& key) const;
  void add(Shard shard, std::span<const Key128> keys);

  std::filesystem::path folder;
  Index index;
  Fingerprint fingerprint;     ///< as the cache was made
  nlohmann::json writer_soft;  ///< what a writer without its own records

  mutable std::shared_mutex mutex;  ///< guards what follows
  Catalog catalog;
  std::set<std::string> known;  ///< names in the catalog
  /// Shards that the index lists and that could not be loaded. Their rows count as absent.
  std::vector<CacheFault> damaged;
  std::vector<std::string> missing;
};

std::filesystem::path shard_folder(const std::filesystem::path& cache);
std::filesystem::path shard_path(const std::filesystem::path& cache, const std::string& name);
/// Shard files in the folder, sorted.
std::vector<std::filesystem::path> shard_files(const std::filesystem::path& cache);

/// The features of `keys`, as Cache::read gives them.
FeatureMatrix read_features(const CacheState& state, std::span<const SampleKey> keys);

/// Makes index.sqlite again from the shards' own metadata. Takes the lock; does nothing when there
/// is an index by then. Throws Error(mismatch) when the shards belong to more than one cache.
void rebuild_index(const std::filesystem::path& folder);

/// Removes what a killed run was writing in this folder. The caller holds the lock.
void remove_temporaries(const std::filesystem::path& folder);

/// What a writer does first, holding the lock: removes temporary files of a killed run, adopts
/// shards that were published but not indexed, forgets shards whose files are gone. Throws
/// Error(mismatch) when a shard is damaged.
void recover(CacheState& state);

}  // namespace caft
