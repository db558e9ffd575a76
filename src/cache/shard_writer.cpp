#include <map>

#include "cache/shard.hpp"
#include "cache/xxh3_stream.hpp"
#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "caft/core/safetensors.hpp"
#include "caft/core/version.hpp"
#include "core/pending_file.hpp"

namespace caft {
namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 20;

// Everything behind the header, in its order in the file.
std::vector<std::byte> pack_tables(const ShardBuffer& buffer) {
  const auto checksums = std::as_bytes(std::span(buffer.row_checksums));
  const auto keys = std::as_bytes(std::span(buffer.keys));
  std::vector<std::byte> tables;
  tables.reserve(checksums.size() + keys.size() + buffer.keys.size() * sizeof(std::uint16_t));
  tables.insert(tables.end(), checksums.begin(), checksums.end());
  tables.insert(tables.end(), keys.begin(), keys.end());
  tables.resize(tables.size() + buffer.keys.size() * sizeof(std::uint16_t));  // view 0
  return tables;
}

std::string make_header(const std::string& name, const CacheIdentity& cache,
                        const std::string& soft, std::uint64_t rows, const std::string& tables_hash,
                        const std::string& payload_hash, std::string& header_hash) {
  const std::vector<SafeTensorSpec> specs{
      {shard_field::features, cache.dtype, {rows, cache.dim}},
      {shard_field::row_checksum, DType::u64, {rows}},
      {shard_field::sample_key, DType::u8, {rows, sizeof(Key128)}},
      {shard_field::view, DType::u16, {rows}},
  };
  const std::string zeros(2 * sizeof(Key128), '0');
  std::map<std::string, std::string> metadata{
      {shard_field::format, std::to_string(kCacheFormat)},
      {shard_field::cache, cache.uuid},
      {shard_field::shard, name},
      {shard_field::hard, cache.hard},
      {shard_field::soft, soft},
      {shard_field::writer, std::string(version())},
      {shard_field::tables_hash, tables_hash},
      {shard_field::payload_hash, payload_hash},
      {shard_field::header_hash, zeros},
  };
  const std::string unsealed = safetensors_header(specs, metadata);
  header_hash = to_hex(xxh3_128(std::as_bytes(std::span(unsealed))));
  metadata[shard_field::header_hash] = header_hash;
  return safetensors_header(specs, metadata);
}

// Reads the temporary file again and compares it with what was meant to be written, so that a shard
// that was damaged on its way is never published.
void read_back(const std::filesystem::path& path, const std::string& header, std::uint64_t bytes,
               const std::string& payload_hash) {
  const File file = File::open(path);
  bool same = file.size() == bytes;
  if (same) {
    std::string stored(header.size(), '\0');
    file.read_at(0, std::as_writable_bytes(std::span(stored)));
    same = stored == header;
  }
  Xxh3Stream hash;
  std::vector<std::byte> block(kReadBytes);
  for (std::uint64_t offset = header.size(); same && offset < bytes;) {
    const auto piece = std::span(block).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), bytes - offset)));
    file.read_at(offset, piece);
    hash.update(piece);
    offset += piece.size();
  }
  if (!same || to_hex(hash.digest()) != payload_hash)
    throw Error(ErrorKind::io, path.string() + " reads back differently from what was written",
                "check the disk");
}

}  // namespace

void ShardBuffer::clear() {
  features.clear();
  keys.clear();
  row_checksums.clear();
}

Shard write_shard(const std::filesystem::path& folder, const std::string& name,
                  const CacheIdentity& cache, const std::string& soft, ShardBuffer& buffer,
                  bool durable) {
  const std::vector<std::byte> tables = pack_tables(buffer);
  Xxh3Stream payload;
  payload.update(buffer.features);
  payload.update(tables);

  Shard shard;
  shard.path = folder / (name + std::string(kShardSuffix));
  shard.record.name = name;
  shard.record.rows = buffer.keys.size();
  shard.record.payload_hash = to_hex(payload.digest());
  shard.record.soft = soft;
  const std::string header =
      make_header(name, cache, soft, shard.record.rows, to_hex(xxh3_128(tables)),
                  shard.record.payload_hash, shard.record.header_hash);
  shard.record.bytes = header.size() + buffer.features.size() + tables.size();
  shard.features_offset = header.size();
  shard.row_bytes = cache.dim * size_of(cache.dtype);

  PendingFile file(shard.path);
  file.write(std::as_bytes(std::span(header)));
  file.write(buffer.features);
  file.write(tables);
  if (durable) file.sync();
  read_back(file.temporary(), header, shard.record.bytes, shard.record.payload_hash);
  file.publish_new(durable);
  shard.row_checksums = buffer.row_checksums;
  return shard;
}

}  // namespace caft
