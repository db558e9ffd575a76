// Putting a damaged cache right without computing anything.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "caft/cache/cache.hpp"

namespace caft {

struct CacheRepair {
  std::vector<CacheFault> quarantined;  ///< each file that was moved, where it is now, and why
  std::vector<std::string> missing;     ///< shards that the index listed and that have no file
  bool new_index = false;               ///< the index was lost or damaged, and made again
  std::uint64_t rows_kept = 0;
  std::uint64_t shards_kept = 0;
  std::uint64_t rows_adopted = 0;  ///< of those kept: the index did not list them
  /// Rows that the index listed, or that a quarantined shard of this cache says it has.
  std::uint64_t rows_gone = 0;
  /// Quarantined shards whose number of rows nobody knows any more.
  std::uint64_t uncounted = 0;
};

/// Checks every byte of every shard. Moves shards that are damaged, foreign, or repeat rows of
/// another to `folder`/quarantine, each with a text file that says why, and makes the index list
/// exactly those that are whole. Nothing is deleted, and a second run changes nothing. The next
/// `caft cache DATA` computes the rows that are gone and no others.
///
/// A damaged index is quarantined too and made again from the shards; manifests and the path memo
/// are then lost, so images are hashed once more. Shards of several caches beside a damaged index:
/// those with the most rows stay.
///
/// Holds the cache's lock, which readers do not mind. Throws Error(not_found) when there is no
/// cache, Error(mismatch), touching nothing, when the index has a newer format or no shard is left
/// to tell what the cache was, Error(io) when a file cannot be read or moved.
CacheRepair repair_cache(const std::filesystem::path& folder);

}  // namespace caft
