#include "cache/shard.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>

#include "cache/xxh3_stream.hpp"
#include "caft/core/error.hpp"
#include "caft/core/safetensors.hpp"

namespace caft {
namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 20;
constexpr std::size_t kHexDigits = 32;
constexpr std::size_t kNumberDigits = 8;
constexpr const char* kRemedy =
    "run `caft cache repair`; the next `caft cache` computes its rows again";

[[noreturn]] void damaged(const std::filesystem::path& path, const std::string& what) {
  throw Error(ErrorKind::mismatch, fmt::format("shard {}: {}", path.string(), what), kRemedy);
}

const std::string& metadata(const SafeTensorsFile& file, const char* key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end())
    damaged(file.file().path(), fmt::format("its metadata lacks {}", key));
  return found->second;
}

void check_header_hash(const SafeTensorsFile& file) {
  std::string header(file.header_bytes(), '\0');
  file.file().read_at(0, std::as_writable_bytes(std::span(header)));
  const std::string& stored = metadata(file, shard_field::header_hash);
  // The checksum was taken with zeros in its own place. Quotes inside JSON text are escaped, so
  // this sequence occurs once.
  const std::string start = fmt::format("\"{}\":\"", shard_field::header_hash);
  const std::size_t at = header.find(start + stored + "\"");
  if (stored.size() != kHexDigits || at == std::string::npos)
    damaged(file.file().path(), "its header checksum is malformed");
  std::fill_n(header.begin() + static_cast<std::ptrdiff_t>(at + start.size()), kHexDigits, '0');
  if (to_hex(xxh3_128(std::as_bytes(std::span(header)))) != stored)
    damaged(file.file().path(), "its header does not match its checksum");
}

void check_format(const SafeTensorsFile& file) {
  const std::string& format = metadata(file, shard_field::format);
  if (format == std::to_string(kCacheFormat)) return;
  throw Error(ErrorKind::mismatch,
              fmt::format("shard {} has cache format {}; this caft reads {}",
                          file.file().path().string(), format, kCacheFormat),
              "use a newer caft");
}

const std::string& json_metadata(const SafeTensorsFile& file, const char* key) {
  const std::string& text = metadata(file, key);
  if (!nlohmann::json::accept(text))
    damaged(file.file().path(), fmt::format("{} in its metadata is not JSON", key));
  return text;
}

const SafeTensorInfo& table(const SafeTensorsFile& file, const char* name, DType dtype,
                            const std::vector<std::uint64_t>& shape, std::uint64_t offset) {
  if (!file.contains(name)) damaged(file.file().path(), fmt::format("it has no {}", name));
  const SafeTensorInfo& info = file.tensor(name);
  if (info.dtype != dtype || info.shape != shape || info.offset != offset)
    damaged(file.file().path(), fmt::format("tensor {} has the wrong type, shape or place", name));
  return info;
}

// The three tables stand together behind the features: one read, one checksum.
void load_tables(const SafeTensorsFile& file, const SafeTensorInfo& features, LoadedShard& loaded) {
  const std::uint64_t rows = features.shape[0];
  const auto& checksums =
      table(file, shard_field::row_checksum, DType::u64, {rows}, features.offset + features.bytes);
  const auto& keys = table(file, shard_field::sample_key, DType::u8, {rows, sizeof(Key128)},
                           checksums.offset + checksums.bytes);
  const auto& views = table(file, shard_field::view, DType::u16, {rows}, keys.offset + keys.bytes);
  if (file.tensors().size() != 4)
    damaged(file.file().path(), "it holds tensors that do not belong");

  std::vector<std::byte> bytes(checksums.bytes + keys.bytes + views.bytes);
  file.file().read_at(checksums.offset, bytes);
  if (to_hex(xxh3_128(bytes)) != metadata(file, shard_field::tables_hash))
    damaged(file.file().path(), "its keys, views or row checksums do not match their checksum");
  loaded.shard.row_checksums.resize(rows);
  loaded.keys.resize(rows);
  std::memcpy(loaded.shard.row_checksums.data(), bytes.data(), checksums.bytes);
  std::memcpy(loaded.keys.data(), bytes.data() + checksums.bytes, keys.bytes);
  const auto first_view = bytes.end() - static_cast<std::ptrdiff_t>(views.bytes);
  if (std::any_of(first_view, bytes.end(), [](std::byte byte) { return byte != std::byte{0}; }))
    damaged(file.file().path(), "it holds augmented views, which cache format 1 does not know");
}

SafeTensorsFile open_file(const std::filesystem::path& path) {
  try {
    return SafeTensorsFile::open(path);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_input) throw;
    throw Error(ErrorKind::mismatch, error.what(), kRemedy);
  }
}

}  // namespace

LoadedShard load_shard(const std::filesystem::path& path) {
  const SafeTensorsFile file = open_file(path);
  // A foreign file is told from a broken one by its lack of our metadata.
  if (!file.metadata().contains(shard_field::cache))
    damaged(path, "it is no shard of a caft cache");
  check_format(file);
  check_header_hash(file);

  if (!file.contains(shard_field::features)) damaged(path, "it has no features");
  const SafeTensorInfo& features = file.tensor(shard_field::features);
  if ((features.dtype != DType::f32 && features.dtype != DType::f16) ||
      features.shape.size() != 2 || features.shape[0] == 0 || features.shape[1] == 0 ||
      features.offset != file.header_bytes())
    damaged(path, "tensor features has the wrong type, shape or place");

  LoadedShard loaded;
  loaded.identity = {metadata(file, shard_field::cache), json_metadata(file, shard_field::hard),
                     features.dtype, features.shape[1]};
  Shard& shard = loaded.shard;
  shard.path = path;
  shard.features_offset = features.offset;
  shard.row_bytes = features.bytes / features.shape[0];
  shard.record = {metadata(file, shard_field::shard),
                  features.shape[0],
                  file.file().size(),
                  metadata(file, shard_field::header_hash),
                  metadata(file, shard_field::payload_hash),
                  json_metadata(file, shard_field::soft)};
  if (shard.record.name + std::string(kShardSuffix) != path.filename().string())
    damaged(path,
            fmt::format("it was written as {}: it was renamed or swapped", shard.record.name));
  load_tables(file, features, loaded);
  return loaded;
}

void check_identity(const LoadedShard& loaded, const CacheIdentity& cache) {
  const std::filesystem::path& path = loaded.shard.path;
  if (loaded.identity.uuid != cache.uuid)
    damaged(path, fmt::format("it belongs to another cache ({}; this one is {})",
                              loaded.identity.uuid, cache.uuid));
  if (loaded.identity.hard != cache.hard) damaged(path, "its fingerprint is not the cache's");
  if (loaded.identity.dtype != cache.dtype || loaded.identity.dim != cache.dim)
    damaged(path, fmt::format("its rows are {} x {}, the cache's {} x {}", loaded.identity.dim,
                              to_string(loaded.identity.dtype), cache.dim, to_string(cache.dtype)));
}

void check_payload(const Shard& shard, const std::function<void(std::uint64_t)>& read) {
  const File file = File::open(shard.path);
  if (file.size() != shard.record.bytes) damaged(shard.path, "its size has changed");
  Xxh3Stream hash;
  std::vector<std::byte> block(std::max<std::uint64_t>(kReadBytes / shard.row_bytes, 1) *
                               shard.row_bytes);
  std::uint64_t offset = shard.features_offset;
  const auto next = [&](std::uint64_t count) {
    const std::span<std::byte> piece = std::span(block).first(count);
    file.read_at(offset, piece);
    hash.update(piece);
    offset += count;
    if (read) read(count);
    return piece;
  };
  const std::uint64_t rows_in_block = block.size() / shard.row_bytes;
  for (std::uint64_t row = 0; row < shard.record.rows;) {
    const std::uint64_t count = std::min(rows_in_block, shard.record.rows - row);
    const std::span<std::byte> piece = next(count * shard.row_bytes);
    for (std::uint64_t i = 0; i < count; ++i, ++row)
      if (xxh3_64(piece.subspan(i * shard.row_bytes, shard.row_bytes)) != shard.row_checksums[row])
        damaged(shard.path, fmt::format("row {} does not match its checksum", row));
  }
  while (offset < shard.record.bytes)
    next(std::min<std::uint64_t>(block.size(), shard.record.bytes - offset));
  if (to_hex(hash.digest()) != shard.record.payload_hash)
    damaged(shard.path, "its payload does not match its checksum");
}

std::string new_shard_name(std::uint64_t number) {
  std::random_device random;  // the kernel's; two caches that are merged must not collide
  const std::uint64_t bits = std::uint64_t{random()} << 32 | random();
  return fmt::format("{:0{}}-{:016x}", number, kNumberDigits, bits);
}

std::uint64_t shard_number(std::string_view name) {
  std::uint64_t number = 0;
  const std::size_t dash = std::min(name.find('-'), name.size());
  const auto result = std::from_chars(name.data(), name.data() + dash, number);
  return result.ec == std::errc() && result.ptr == name.data() + dash ? number : 0;
}

}  // namespace caft
