#include "caft/cache/repair.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "cache/lock.hpp"
#include "cache/quarantine.hpp"
#include "cache/state.hpp"
#include "caft/core/error.hpp"
#include "core/log.hpp"

namespace caft {
namespace {

/// A file in the shards' folder: what it holds, and why it cannot stay (empty: it can).
struct Candidate {
  std::filesystem::path file;
  std::optional<LoadedShard> loaded;
  std::string fault;
};

/// One repair. The caller holds the lock.
class Repair {
 public:
  explicit Repair(const std::filesystem::path& folder) : folder_(folder) {}

  CacheRepair run() {
    open_index();
    survey();
    choose_identity();
    judge();
    count();
    for (const Candidate& candidate : candidates_)
      if (!candidate.fault.empty()) put_away(candidate.file, candidate.fault);
    if (index_fault_.empty())
      mend_index();
    else
      replace_index();
    remove_temporaries(folder_);
    remove_temporaries(shard_folder(folder_));
    return std::move(report_);
  }

 private:
  // What a damaged index can still list is noted: it tells what is gone.
  void open_index() {
    if (!std::filesystem::exists(Index::path_in(folder_))) {
      index_fault_ = "it is missing";
      return;
    }
    try {
      index_.emplace(folder_);
      const std::vector<std::string> findings = index_->integrity();
      if (!findings.empty()) index_fault_ = findings.front();
      for (ShardRecord& record : index_->shards()) listed_.emplace(record.name, std::move(record));
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::mismatch || error.kind() == ErrorKind::io) throw;
      index_fault_ = error.what();
    }
  }

  void survey() {
    for (const std::filesystem::path& file : shard_files(folder_)) {
      Candidate candidate{.file = file};
      try {
        candidate.loaded = load_shard(file);
        check_payload(candidate.loaded->shard);
      } catch (const Error& error) {
        if (error.kind() == ErrorKind::io) throw;
        candidate.fault = error.what();
      }
      candidates_.push_back(std::move(candidate));
    }
  }

  // A sound index says what the cache is; without one, its shards do. An index that describes none
  // of the whole shards is damaged itself: no run of ours leaves it so.
  void choose_identity() {
    const auto whole = [](const Candidate& candidate) { return candidate.fault.empty(); };
    if (index_fault_.empty()) {
      identity_ = index_->identity();
      soft_ = index_->soft();
      const auto stays = [&](const Candidate& c) { return whole(c) && is_ours(c); };
      if (listed_.empty() || std::ranges::none_of(candidates_, whole) ||
          std::ranges::any_of(candidates_, stays))
        return;
      index_fault_ = "it describes another cache than its shards do";
    }
    std::map<std::string, std::uint64_t> rows;
    for (const Candidate& candidate : candidates_)
      if (whole(candidate))
        rows[candidate.loaded->identity.uuid] += candidate.loaded->shard.record.rows;
    if (rows.empty())
      throw Error(ErrorKind::mismatch,
                  folder_.string() + " has no sound index (" + index_fault_ +
                      ") and no whole shard: nothing says what it held",
                  "remove the folder and make the cache again");
    const std::string& uuid =
        std::ranges::max_element(rows, {}, [](const auto& entry) { return entry.second; })->first;
    const auto first = std::ranges::find_if(candidates_, [&](const Candidate& candidate) {
      return whole(candidate) && candidate.loaded->identity.uuid == uuid;
    });
    identity_ = first->loaded->identity;
    soft_ = first->loaded->shard.record.soft;
  }

  [[nodiscard]] bool is_ours(const Candidate& candidate) const {
    return candidate.loaded && candidate.loaded->identity.uuid == identity_.uuid;
  }

  [[nodiscard]] bool is_listed(const Candidate& candidate) const {
    return listed_.contains(candidate.file.stem().string());
  }

  // Listed shards first: where two hold the same row, the one that readers know stays.
  void judge() {
    std::ranges::stable_partition(candidates_, [&](const Candidate& c) { return is_listed(c); });
    for (Candidate& candidate : candidates_) {
      if (!candidate.fault.empty()) continue;
      try {
        check_identity(*candidate.loaded, identity_);
      } catch (const Error& error) {
        candidate.fault = error.what();
        continue;
      }
      const std::vector<Key128>& own = candidate.loaded->keys;
      if (std::ranges::any_of(own, [&](const Key128& key) { return kept_.find(key).has_value(); }))
        candidate.fault = "it repeats rows that another shard holds";
      else
        for (const Key128& key : own) kept_.add(key);
    }
  }

  void count() {
    std::map<std::string, ShardRecord> gone = listed_;
    for (const Candidate& candidate : candidates_) {
      const bool listed = is_listed(candidate);
      if (candidate.fault.empty()) {
        ++report_.shards_kept;
        report_.rows_kept += candidate.loaded->shard.record.rows;
        if (!listed) report_.rows_adopted += candidate.loaded->shard.record.rows;
        gone.erase(candidate.file.stem().string());
      } else if (is_ours(candidate) && (listed || !index_fault_.empty())) {
        for (const Key128& key : candidate.loaded->keys)
          report_.rows_gone += kept_.find(key).has_value() ? 0 : 1;
        gone.erase(candidate.file.stem().string());
      } else if (!listed && !candidate.loaded && !index_fault_.empty()) {
        ++report_.uncounted;
      }
    }
    for (const auto& [name, record] : gone) {
      report_.rows_gone += record.rows;
      if (!std::filesystem::exists(shard_path(folder_, name))) report_.missing.push_back(name);
    }
  }

  void put_away(const std::filesystem::path& file, const std::string& reason) {
    const std::filesystem::path now = quarantine(folder_, file, reason);
    log_warn("moved {} to {}: {}", file.string(), now.string(), reason);
    report_.quarantined.push_back({now, reason});
  }

  [[nodiscard]] std::vector<ShardRecord> kept_records() const {
    std::vector<ShardRecord> records;
    for (const Candidate& candidate : candidates_)
      if (candidate.fault.empty()) records.push_back(candidate.loaded->shard.record);
    return records;
  }

  // Manifests and the memo stay. Killed on the way, what is left is a cache with shards to adopt.
  void mend_index() {
    std::map<std::string, ShardRecord> right;
    for (ShardRecord& record : kept_records()) right.emplace(record.name, std::move(record));
    for (const auto& [name, record] : listed_) {
      const auto found = right.find(name);
      if (found != right.end() && found->second == record)
        right.erase(found);
      else
        index_->drop_shard(name);
    }
    for (const auto& [name, record] : right) index_->commit(&record, {});
  }

  // Killed on the way, the index is missing, and opening makes it from the shards that are left.
  void replace_index() {
    index_.reset();
    const std::filesystem::path path = Index::path_in(folder_);
    if (std::filesystem::exists(path)) put_away(path, index_fault_);
    Index::create(folder_, identity_, soft_, kept_records());
    report_.new_index = true;
  }

  const std::filesystem::path folder_;
  std::optional<Index> index_;
  std::string index_fault_;                    ///< empty: it is sound
  std::map<std::string, ShardRecord> listed_;  ///< by name
  std::vector<Candidate> candidates_;
  CacheIdentity identity_;
  std::string soft_;
  KeyIndex kept_;
  CacheRepair report_;
};

}  // namespace

CacheRepair repair_cache(const std::filesystem::path& folder) {
  try {
    if (!std::filesystem::exists(Index::path_in(folder)) && shard_files(folder).empty())
      throw Error(ErrorKind::not_found, folder.string() + " is not a cache",
                  "make one with `caft cache`");
    const CacheLock lock(folder);
    return Repair(folder).run();
  } catch (const std::filesystem::filesystem_error& error) {
    throw Error(ErrorKind::io, error.path1().string() + ": " + error.code().message());
  }
}

}  // namespace caft
