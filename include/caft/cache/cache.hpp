// The activation cache: features of images, keyed by content, kept for good.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "caft/core/dtype.hpp"
#include "caft/core/hash.hpp"

namespace caft {

/// XXH3-128 of an image's encoded bytes.
using SampleKey = Key128;

/// What must be the same for features to be comparable (`hard`), and what may differ within the
/// precision's tolerance (`soft`). docs/cache_format.md lists the fields.
// NOLINTNEXTLINE(bugprone-exception-escape): a json value moves without throwing
struct Fingerprint {
  nlohmann::json hard;
  nlohmann::json soft;
  /// First 32 hexadecimal digits of the SHA-256 of `hard` in canonical form (sorted keys, no
  /// spaces).
  [[nodiscard]] std::string id() const;
};

/// Rows of features in one buffer, ready for a trainer: nothing is copied after the read.
struct FeatureMatrix {
  std::size_t rows = 0;
  std::size_t dim = 0;
  DType dtype = DType::f32;           ///< f32 or f16
  std::shared_ptr<std::byte[]> data;  ///< [rows, dim], packed, 64-byte aligned
  /// row_of[i] is the row of the i-th key asked for. Rows stand in the shards' order, so that
  /// reading is sequential; equal keys share a row.
  std::vector<std::uint32_t> row_of;
};

struct CacheStats {
  std::uint64_t rows = 0;
  std::uint64_t shards = 0;
  std::uint64_t bytes = 0;  ///< of the shard files
};

/// One finding of `verify`.
struct CacheFault {
  std::filesystem::path file;
  std::string what;
};

/// What the operating system says of a file: if all of it is unchanged, so is the content.
struct FileStamp {
  std::uint64_t size = 0, inode = 0, device = 0;
  std::int64_t mtime_ns = 0, ctime_ns = 0;  ///< ctime changes even when mtime is put back
  bool operator==(const FileStamp&) const = default;
};

/// An open cache folder. Reading is thread-safe; one writer at a time, in one process (a lock file
/// tells a second one who holds it). Readers are not disturbed by a writer.
class Cache {
 public:
  struct CreateOptions {
    DType dtype = DType::f16;
    std::size_t dim = 0;
  };

  /// Opens `folder`, or makes it when it does not exist. Throws Error(mismatch), printing the
  /// fields that differ, when it exists with another hard fingerprint, dtype or dim.
  static Cache open_or_create(const std::filesystem::path& folder, const Fingerprint& fingerprint,
                              const CreateOptions& options);
  /// Opens an existing cache. Throws Error(not_found), Error(mismatch: newer format).
  static Cache open(const std::filesystem::path& folder);

  Cache(Cache&&) noexcept;
  Cache& operator=(Cache&&) noexcept;
  ~Cache();

  [[nodiscard]] const std::filesystem::path& folder() const;
  [[nodiscard]] const Fingerprint& fingerprint() const;
  [[nodiscard]] std::size_t dim() const;
  [[nodiscard]] DType dtype() const;
  [[nodiscard]] CacheStats stats() const;
  [[nodiscard]] bool contains(const SampleKey& key) const;

  /// Features of `keys`, in one buffer; each shard touched is verified on first use. Throws
  /// Error(not_found) with the count of keys that are missing, Error(mismatch) naming a shard whose
  /// bytes fail their checksum.
  [[nodiscard]] FeatureMatrix read(std::span<const SampleKey> keys) const;

  /// Checks every byte of every shard against its checksums, and the index against the shards.
  /// `progress(done, total)` counts bytes.
  [[nodiscard]] std::vector<CacheFault> verify(
      const std::function<void(std::uint64_t, std::uint64_t)>& progress = {}) const;

  /// The path-to-key memo: absent when unknown or when the stamp has changed.
  [[nodiscard]] std::optional<SampleKey> remembered(const std::string& path,
                                                    const FileStamp& stamp) const;
  /// Whether any path is: where not, a run over new files need not ask for each of them.
  [[nodiscard]] bool remembers_any() const;

  /// Adds rows. Holds the cache's lock while it lives.
  class Writer {
   public:
    struct Options {
      std::size_t shard_bytes = std::size_t{64} << 20;  ///< payload at which a shard is committed
      double shard_seconds = 30;  ///< or the age at which it is: what a kill can cost
      bool durable = true;        ///< fsync; false only for tests of other things
    };
    Writer(Writer&&) noexcept;
    ~Writer();  ///< uncommitted rows are dropped: call finish()
    /// Appends one row ([dim] f32), storing it as the cache's dtype. Throws Error(bad_input) on
    /// NaN, infinity, or a value that f16 cannot hold, before anything is stored. A key that is
    /// there already is ignored. Thread-safe.
    void append(const SampleKey& key, std::span<const float> row);
    /// Remembers a path's key; stored with the next commit. Thread-safe.
    void remember(const std::string& path, const FileStamp& stamp, const SampleKey& key);
    /// Commits what is pending: shard file, fsync, rename, fsync of the folder, SQLite transaction.
    void commit();
    /// Commits and records the data set's manifest (display name and key of each sample).
    void finish(const std::string& dataset,
                const std::vector<std::pair<std::string, SampleKey>>& manifest);

   private:
    friend class Cache;
    struct Impl;
    explicit Writer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
  };
  /// Throws Error(io) naming the process that holds the lock. `soft` is recorded with each shard.
  [[nodiscard]] Writer writer(const Writer::Options& options, const nlohmann::json& soft);
  [[nodiscard]] Writer writer();

 private:
  struct Impl;
  explicit Cache(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

/// The stamp of a file. Throws Error(not_found).
FileStamp file_stamp(const std::filesystem::path& path);

}  // namespace caft
