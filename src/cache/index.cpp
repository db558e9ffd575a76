#include "cache/index.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <bit>
#include <cstring>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "caft/core/version.hpp"

namespace caft {
namespace {

constexpr std::int64_t kApplicationId = 0x43414654;  // "CAFT"
constexpr const char* kFileName = "index.sqlite";

constexpr const char* kSchema = R"(
  PRAGMA synchronous = EXTRA;
  BEGIN;
  CREATE TABLE cache (uuid TEXT NOT NULL, hard TEXT NOT NULL, soft TEXT NOT NULL,
                      dtype TEXT NOT NULL, dim INTEGER NOT NULL, created_by TEXT NOT NULL);
  CREATE TABLE shard (name TEXT PRIMARY KEY, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
                      header_hash TEXT NOT NULL, payload_hash TEXT NOT NULL, soft TEXT NOT NULL);
  CREATE TABLE manifest (dataset TEXT NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL,
                         key BLOB NOT NULL, PRIMARY KEY (dataset, position)) WITHOUT ROWID;
  CREATE TABLE memo (path TEXT PRIMARY KEY, size INTEGER NOT NULL, inode INTEGER NOT NULL,
                     device INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
                     key BLOB NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID;)";

std::int64_t to_signed(std::uint64_t value) { return std::bit_cast<std::int64_t>(value); }

// SQLite keeps no checksums, and a flipped bit in a memo would serve another image's features.
std::int64_t memo_checksum(const std::string& path, const FileStamp& stamp, const SampleKey& key) {
  std::string text = fmt::format("{}\n{} {} {} {} {}\n", path, stamp.size, stamp.inode,
                                 stamp.device, stamp.mtime_ns, stamp.ctime_ns);
  text += to_hex(key);
  return to_signed(xxh3_64(std::as_bytes(std::span(text))));
}

void insert_shard(Database& database, const ShardRecord& shard) {
  Statement insert(database, "INSERT INTO shard VALUES (?, ?, ?, ?, ?, ?)");
  insert.bind(1, shard.name).bind(2, to_signed(shard.rows)).bind(3, to_signed(shard.bytes));
  insert.bind(4, shard.header_hash).bind(5, shard.payload_hash).bind(6, shard.soft).run();
}

void insert_identity(Database& database, const CacheIdentity& identity, const std::string& soft) {
  Statement insert(database, "INSERT INTO cache VALUES (?, ?, ?, ?, ?, ?)");
  insert.bind(1, identity.uuid).bind(2, identity.hard).bind(3, soft);
  insert.bind(4, to_string(identity.dtype)).bind(5, to_signed(identity.dim));
  insert.bind(6, version()).run();
}

// A statement that has not been reset keeps the file locked against the writer.
class ResetOnExit {
 public:
  explicit ResetOnExit(Statement& statement) : statement_(statement) {}
  ResetOnExit(const ResetOnExit&) = delete;
  ResetOnExit& operator=(const ResetOnExit&) = delete;
  ~ResetOnExit() { statement_.reset(); }

 private:
  Statement& statement_;
};

void remove_with_journals(const std::filesystem::path& file) {
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
    std::filesystem::path name = file;
    name += suffix;
    std::filesystem::remove(name);
  }
}

}  // namespace

std::filesystem::path Index::path_in(const std::filesystem::path& folder) {
  return folder / kFileName;
}

void Index::create(const std::filesystem::path& folder, const CacheIdentity& identity,
                   const std::string& soft, const std::vector<ShardRecord>& shards) {
  const std::filesystem::path path = path_in(folder);
  const std::filesystem::path temporary = folder / fmt::format(".{}.{}.tmp", kFileName, ::getpid());
  remove_with_journals(temporary);
  {
    Database database(temporary, true);
    database.execute(kSchema);
    insert_identity(database, identity, soft);
    for (const ShardRecord& shard : shards) insert_shard(database, shard);
    database.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT",
                                 kApplicationId, kCacheFormat)
                         .c_str());
  }
  // A journal that a lost index left behind would be played into the new one.
  remove_with_journals(path);
  std::filesystem::rename(temporary, path);
  fsync_folder(folder);
}

Index::Index(const std::filesystem::path& folder) : database_(path_in(folder), false) {
  const std::string path = path_in(folder).string();
  if (database_.pragma("PRAGMA application_id") != kApplicationId)
    throw Error(ErrorKind::bad_input, path + " is not the index of a caft cache",
                "choose another folder");
  const std::int64_t format = database_.pragma("PRAGMA user_version");
  if (format != kCacheFormat)
    throw Error(
        ErrorKind::mismatch,
        fmt::format("{} has cache format {}; this caft reads {}", path, format, kCacheFormat),
        format > kCacheFormat ? "use a newer caft" : "make the cache again");
  load_identity(folder);
}

void Index::load_identity(const std::filesystem::path& folder) {
  database_.execute("PRAGMA synchronous = EXTRA");
  Statement select(database_, "SELECT uuid, hard, soft, dtype, dim FROM cache");
  const auto reject = [&] {
    throw Error(ErrorKind::bad_input, path_in(folder).string() + " is damaged",
                "run `caft cache repair`: it is rebuilt from the shards");
  };
  if (!select.step()) reject();
  identity_.uuid = select.text(0);
  identity_.hard = select.text(1);
  soft_ = select.text(2);
  identity_.dtype = dtype_from_string(select.text(3));
  const std::int64_t dim = select.integer(4);
  if (!nlohmann::json::accept(identity_.hard) || !nlohmann::json::accept(soft_) || dim < 1)
    reject();
  identity_.dim = static_cast<std::size_t>(dim);
  recall_.emplace(database_,
                  "SELECT key, checksum FROM memo WHERE path = ? AND size = ? AND inode = ? AND "
                  "device = ? AND mtime_ns = ? AND ctime_ns = ?");
}

std::vector<ShardRecord> Index::shards() const {
  const std::scoped_lock hold(mutex_);
  Statement select(
      database_,
      "SELECT name, rows, bytes, header_hash, payload_hash, soft FROM shard ORDER BY name");
  std::vector<ShardRecord> records;
  while (select.step())
    records.push_back({select.text(0), static_cast<std::uint64_t>(select.integer(1)),
                       static_cast<std::uint64_t>(select.integer(2)), select.text(3),
                       select.text(4), select.text(5)});
  return records;
}

void Index::commit(const ShardRecord* shard, const std::vector<MemoEntry>& memo) {
  const std::scoped_lock hold(mutex_);
  Transaction transaction(database_);
  if (shard != nullptr) insert_shard(database_, *shard);
  Statement insert(database_, "INSERT OR REPLACE INTO memo VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  for (const MemoEntry& entry : memo) {
    const FileStamp& stamp = entry.stamp;
    insert.bind(1, entry.path).bind(2, to_signed(stamp.size)).bind(3, to_signed(stamp.inode));
    insert.bind(4, to_signed(stamp.device)).bind(5, stamp.mtime_ns).bind(6, stamp.ctime_ns);
    insert.bind_blob(7, entry.key.bytes);
    insert.bind(8, memo_checksum(entry.path, stamp, entry.key)).run();
  }
  transaction.commit();
}

void Index::drop_shard(const std::string& name) {
  const std::scoped_lock hold(mutex_);
  Statement(database_, "DELETE FROM shard WHERE name = ?").bind(1, name).run();
}

void Index::set_manifest(const std::string& dataset,
                         const std::vector<std::pair<std::string, SampleKey>>& manifest) {
  const std::scoped_lock hold(mutex_);
  Transaction transaction(database_);
  Statement(database_, "DELETE FROM manifest WHERE dataset = ?").bind(1, dataset).run();
  Statement insert(database_, "INSERT INTO manifest VALUES (?, ?, ?, ?)");
  std::int64_t position = 0;
  for (const auto& [name, key] : manifest)
    insert.bind(1, dataset).bind(2, position++).bind(3, name).bind_blob(4, key.bytes).run();
  transaction.commit();
}

void Index::visit_manifests(
    const std::function<void(const std::string&, const SampleKey&)>& visit) const {
  const std::scoped_lock hold(mutex_);
  Statement select(database_, "SELECT dataset, key FROM manifest ORDER BY dataset, position");
  while (select.step()) {
    SampleKey key;
    const std::span<const std::uint8_t> blob = select.blob(1);
    if (blob.size() == key.bytes.size()) std::copy(blob.begin(), blob.end(), key.bytes.begin());
    visit(select.text(0), key);
  }
}

std::optional<SampleKey> Index::remembered(const std::string& path, const FileStamp& stamp) const {
  const std::scoped_lock hold(mutex_);
  Statement& select = *recall_;
  const ResetOnExit reset(select);
  select.bind(1, path).bind(2, to_signed(stamp.size)).bind(3, to_signed(stamp.inode));
  select.bind(4, to_signed(stamp.device)).bind(5, stamp.mtime_ns).bind(6, stamp.ctime_ns);
  if (!select.step()) return std::nullopt;
  SampleKey key;
  const std::span<const std::uint8_t> blob = select.blob(0);
  if (blob.size() != key.bytes.size()) return std::nullopt;
  std::copy(blob.begin(), blob.end(), key.bytes.begin());
  if (select.integer(1) != memo_checksum(path, stamp, key)) return std::nullopt;
  return key;
}

bool Index::remembers_any() const {
  const std::scoped_lock hold(mutex_);
  Statement select(database_, "SELECT 1 FROM memo LIMIT 1");
  return select.step();
}

std::vector<std::string> Index::integrity() const {
  const std::scoped_lock hold(mutex_);
  Statement check(database_, "PRAGMA integrity_check");
  std::vector<std::string> findings;
  while (check.step())
    if (check.text(0) != "ok") findings.push_back(check.text(0));
  return findings;
}

void Index::set_durable(bool durable) {
  const std::scoped_lock hold(mutex_);
  database_.execute(durable ? "PRAGMA synchronous = EXTRA" : "PRAGMA synchronous = OFF");
}

}  // namespace caft
