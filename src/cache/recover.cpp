// What a kill, a lost index or a lost shard left behind, put right.
#include <algorithm>
#include <map>

#include "cache/lock.hpp"
#include "cache/state.hpp"
#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "core/log.hpp"

namespace caft {
namespace {

bool is_new(const CacheState& state, std::span<const Key128> keys) {
  return std::none_of(keys.begin(), keys.end(),
                      [&](const Key128& key) { return state.contains(key); });
}

// A run that was killed between the rename and the transaction leaves a whole shard.
void adopt(CacheState& state, const std::filesystem::path& file) {
  try {
    LoadedShard loaded = load_shard(file);
    check_identity(loaded, state.identity());
    check_payload(loaded.shard);
    if (!is_new(state, loaded.keys))
      throw Error(ErrorKind::mismatch,
                  "shard " + file.string() + " repeats rows that other shards hold", "remove it");
    state.index.commit(&loaded.shard.record, {});
    log_info("adopted {}: {} rows that a killed run had finished", file.string(),
             loaded.shard.record.rows);
    state.add(std::move(loaded.shard), loaded.keys);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::io) throw;
    log_warn("left out: {}", error.what());
  }
}

struct Found {
  CacheIdentity identity;
  std::string soft;
  std::vector<ShardRecord> records;
};

// Shards that can be read, by the cache that wrote them.
std::map<std::string, Found> survey(const std::filesystem::path& folder) {
  std::map<std::string, Found> caches;
  for (const std::filesystem::path& file : shard_files(folder)) {
    try {
      const LoadedShard loaded = load_shard(file);
      Found& found = caches[loaded.identity.uuid];
      if (found.records.empty()) {
        found.identity = loaded.identity;
        found.soft = loaded.shard.record.soft;
      }
      check_identity(loaded, found.identity);
      found.records.push_back(loaded.shard.record);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::io) throw;
      log_warn("left out: {}", error.what());
    }
  }
  return caches;
}

}  // namespace

void remove_temporaries(const std::filesystem::path& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with('.') || name.find(".tmp") == std::string::npos) continue;
    log_debug("removing {}, which a killed run left", entry.path().string());
    std::filesystem::remove(entry.path(), error);
  }
}

void rebuild_index(const std::filesystem::path& folder) {
  const CacheLock lock(folder);
  if (std::filesystem::exists(Index::path_in(folder))) return;
  const std::map<std::string, Found> caches = survey(folder);
  if (caches.empty())
    throw Error(ErrorKind::mismatch,
                folder.string() + " has no index and no shard that can be read",
                "remove the folder and make the cache again");
  if (caches.size() > 1) {
    std::string which;
    for (const auto& [uuid, found] : caches)
      which += (which.empty() ? "" : "; ") + uuid + " wrote " + found.records.front().name;
    throw Error(ErrorKind::mismatch,
                folder.string() + " has no index, and shards of several caches (" + which + ")",
                "move the foreign shards away");
  }
  const Found& found = caches.begin()->second;
  Index::create(folder, found.identity, found.soft, found.records);
  log_warn("{} was missing: rebuilt from {} shards (data set manifests and the path memo are lost)",
           Index::path_in(folder).string(), found.records.size());
}

void recover(CacheState& state) {
  state.refresh();
  std::erase_if(state.damaged,
                [&](const CacheFault& fault) { return !std::filesystem::exists(fault.file); });
  // First: repair is to know of the missing ones too.
  if (!state.damaged.empty())
    throw Error(ErrorKind::mismatch, "cache " + state.folder.string() +
                                         " cannot be added to: " + state.damaged.front().what);
  for (const std::string& name : state.missing) {
    log_warn("shard {} is gone: its rows will be computed again", name);
    state.index.drop_shard(name);
  }
  state.missing.clear();

  std::filesystem::create_directories(shard_folder(state.folder));
  remove_temporaries(state.folder);
  remove_temporaries(shard_folder(state.folder));
  for (const std::filesystem::path& file : shard_files(state.folder))
    if (!state.known.contains(file.stem().string())) adopt(state, file);
}

}  // namespace caft
