#include "cache/state.hpp"

#include <algorithm>

#include "caft/core/error.hpp"
#include "core/log.hpp"

namespace caft {
namespace {

std::filesystem::path ensure_index(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(Index::path_in(folder))) {
    if (shard_files(folder).empty())
      throw Error(ErrorKind::not_found, folder.string() + " is not a cache",
                  "make one with `caft cache`");
    rebuild_index(folder);
  }
  return folder;
}

// For one exact allocation. The index may lie, so the files bound what it says.
std::uint64_t rows_to_come(const CacheState& state, const std::vector<ShardRecord>& listed) {
  constexpr std::uint64_t kTableBytesPerRow = 26;
  std::uint64_t rows = 0;
  for (const ShardRecord& record : listed) {
    if (state.known.contains(record.name)) continue;
    std::error_code error;
    const std::uintmax_t bytes =
        std::filesystem::file_size(shard_path(state.folder, record.name), error);
    if (!error) rows += std::min<std::uint64_t>(record.rows, bytes / kTableBytesPerRow);
  }
  return rows;
}

LoadedShard load_listed(const CacheState& state, const ShardRecord& record) {
  LoadedShard loaded = load_shard(shard_path(state.folder, record.name));
  check_identity(loaded, state.identity());
  if (loaded.shard.record != record)
    throw Error(ErrorKind::mismatch,
                "shard " + loaded.shard.path.string() + " is not the one that index.sqlite lists");
  return loaded;
}

}  // namespace

std::filesystem::path shard_folder(const std::filesystem::path& cache) { return cache / "shards"; }

std::filesystem::path shard_path(const std::filesystem::path& cache, const std::string& name) {
  return shard_folder(cache) / (name + std::string(kShardSuffix));
}

std::vector<std::filesystem::path> shard_files(const std::filesystem::path& cache) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(shard_folder(cache), error))
    if (entry.path().extension() == kShardSuffix) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

void Catalog::add(Shard shard, std::span<const Key128> shard_keys) {
  first_row.push_back(keys.size());
  for (const Key128& key : shard_keys) keys.add(key);
  shards.push_back(std::make_shared<const Shard>(std::move(shard)));
}

CacheState::CacheState(const std::filesystem::path& where)
    : folder(where), index(ensure_index(where)) {
  fingerprint = {nlohmann::json::parse(index.identity().hard), nlohmann::json::parse(index.soft())};
  writer_soft = fingerprint.soft;
  refresh();
}

void CacheState::refresh() {
  const std::vector<ShardRecord> listed = index.shards();
  const std::unique_lock hold(mutex);
  damaged.clear();
  missing.clear();
  catalog.keys.reserve(catalog.keys.size() + rows_to_come(*this, listed));
  for (const ShardRecord& record : listed) {
    if (known.contains(record.name)) continue;
    try {
      LoadedShard loaded = load_listed(*this, record);
      catalog.add(std::move(loaded.shard), loaded.keys);
      known.insert(record.name);
    } catch (const Error& error) {
      // One bad shard must not take the others' rows away; whoever needs its rows is told.
      if (error.kind() == ErrorKind::io) throw;
      log_warn("{}", error.what());
      if (error.kind() == ErrorKind::not_found) missing.push_back(record.name);
      damaged.push_back({shard_path(folder, record.name), error.what()});
    }
  }
}

bool CacheState::contains(const SampleKey& key) const {
  const std::shared_lock hold(mutex);
  return catalog.keys.find(key).has_value();
}

void CacheState::add(Shard shard, std::span<const Key128> keys) {
  const std::unique_lock hold(mutex);
  known.insert(shard.record.name);
  catalog.add(std::move(shard), keys);
}

}  // namespace caft
