// index.sqlite: what a cache is, its shards, the data sets' manifests and the path memo.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cache/shard.hpp"
#include "cache/sqlite.hpp"
#include "caft/cache/cache.hpp"

namespace caft {

/// A path, what the file looked like, and its content's key.
struct MemoEntry {
  std::string path;
  FileStamp stamp;
  SampleKey key;
};

/// The index of one cache. Thread-safe. Rows are not in it: their keys are read from the shards.
class Index {
 public:
  static std::filesystem::path path_in(const std::filesystem::path& folder);
  /// Makes an index under a temporary name and publishes it whole. The caller holds the lock.
  static void create(const std::filesystem::path& folder, const CacheIdentity& identity,
                     const std::string& soft, const std::vector<ShardRecord>& shards);
  /// Throws Error(mismatch) when it is a newer format's (nothing is touched then), Error(bad_input)
  /// when it is no caft index.
  explicit Index(const std::filesystem::path& folder);

  [[nodiscard]] const CacheIdentity& identity() const { return identity_; }
  /// What the cache's maker recorded, as JSON text.
  [[nodiscard]] const std::string& soft() const { return soft_; }
  /// By name, which is the order in which they were written.
  [[nodiscard]] std::vector<ShardRecord> shards() const;
  /// Adds a shard and path memos in one transaction.
  void commit(const ShardRecord* shard, const std::vector<MemoEntry>& memo);
  void drop_shard(const std::string& name);
  void set_manifest(const std::string& dataset,
                    const std::vector<std::pair<std::string, SampleKey>>& manifest);
  /// Calls `visit(dataset, key)` for each entry of every manifest.
  void visit_manifests(
      const std::function<void(const std::string&, const SampleKey&)>& visit) const;
  [[nodiscard]] std::optional<SampleKey> remembered(const std::string& path,
                                                    const FileStamp& stamp) const;
  /// Whether any path is remembered.
  [[nodiscard]] bool remembers_any() const;
  /// SQLite's own check of the file: its findings, none when it is sound.
  [[nodiscard]] std::vector<std::string> integrity() const;
  /// False: transactions are no longer flushed to the disk.
  void set_durable(bool durable);

 private:
  void load_identity(const std::filesystem::path& folder);
  mutable std::mutex mutex_;
  mutable Database database_;
  mutable std::optional<Statement> recall_;  ///< asked once an image: prepared once
  CacheIdentity identity_;
  std::string soft_;
};

}  // namespace caft
