// One shard: its metadata, its tables, and the checksums over every byte. docs/cache_format.md
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "caft/core/dtype.hpp"
#include "caft/core/hash.hpp"

namespace caft {

inline constexpr int kCacheFormat = 1;
inline constexpr std::string_view kShardSuffix = ".safetensors";

/// Names of a shard's tensors and of its metadata, built in this one place.
namespace shard_field {
inline constexpr const char* features = "features";
inline constexpr const char* row_checksum = "row_checksum";
inline constexpr const char* sample_key = "sample_key";
inline constexpr const char* view = "view";
inline constexpr const char* format = "caft.format";
inline constexpr const char* cache = "caft.cache";
inline constexpr const char* shard = "caft.shard";
inline constexpr const char* hard = "caft.hard";
inline constexpr const char* soft = "caft.soft";
inline constexpr const char* writer = "caft.version";
inline constexpr const char* tables_hash = "caft.tables_xxh3_128";
inline constexpr const char* payload_hash = "caft.payload_xxh3_128";
inline constexpr const char* header_hash = "caft.header_xxh3_128";
}  // namespace shard_field

/// What every shard of a cache has in common.
struct CacheIdentity {
  std::string uuid;
  std::string hard;  ///< the hard fingerprint, canonical JSON
  DType dtype = DType::f16;
  std::size_t dim = 0;
};

/// A shard as the index lists it.
struct ShardRecord {
  std::string name;  ///< the file's name without its suffix
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;  ///< of the file
  std::string header_hash, payload_hash;
  std::string soft;  ///< canonical JSON
  bool operator==(const ShardRecord&) const = default;
};

/// Where a shard's features lie and what they must be.
struct Shard {
  std::filesystem::path path;
  ShardRecord record;
  std::uint64_t features_offset = 0;
  std::uint64_t row_bytes = 0;
  std::vector<std::uint64_t> row_checksums;  ///< XXH3-64 of each row's feature bytes
};

/// A shard whose header and tables (all bytes but the features) agree with their checksums.
struct LoadedShard {
  Shard shard;
  CacheIdentity identity;
  std::vector<Key128> keys;
};

/// Opens a shard and checks its header and tables. Throws Error(not_found), Error(io), or
/// Error(mismatch) naming the file and what is wrong with it.
LoadedShard load_shard(const std::filesystem::path& path);

/// Throws Error(mismatch) when the shard belongs to another cache.
void check_identity(const LoadedShard& loaded, const CacheIdentity& cache);

/// Reads the whole file and checks every byte: the payload's checksum and each row's. `read(n)` is
/// told of each n bytes. Throws Error(mismatch) naming the file and the first row that is wrong.
void check_payload(const Shard& shard, const std::function<void(std::uint64_t)>& read = {});

/// Rows that wait for their shard.
struct ShardBuffer {
  std::vector<std::byte> features;  ///< [rows, dim] packed
  std::vector<Key128> keys;
  std::vector<std::uint64_t> row_checksums;
  [[nodiscard]] bool empty() const { return keys.empty(); }
  void clear();  ///< keeps the memory
};

/// A name that no other shard has: a number for the order, and 64 random bits.
std::string new_shard_name(std::uint64_t number);

/// The number in a shard's name; 0 for a name that is not of this form.
std::uint64_t shard_number(std::string_view name);

/// Publishes `folder`/NAME.safetensors: write, fsync, read back and compare, rename without
/// replacing, fsync of the folder. After any error nothing of it is left. Throws Error(io).
Shard write_shard(const std::filesystem::path& folder, const std::string& name,
                  const CacheIdentity& cache, const std::string& soft, ShardBuffer& buffer,
                  bool durable);

}  // namespace caft
