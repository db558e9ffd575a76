// Every byte of every shard, and the index against the shards.
#include "cache/verify.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

#include "caft/core/error.hpp"

namespace caft {
namespace {

class Verifier {
 public:
  Verifier(const CacheState& state,
           const std::function<void(std::uint64_t, std::uint64_t)>& progress)
      : state_(state), progress_(progress) {}

  std::vector<CacheFault> run() {
    for (const std::string& finding : state_.index.integrity())
      report(Index::path_in(state_.folder), finding);
    while (check_new()) {
    }
    check_unlisted();
    check_manifests();
    return std::move(faults_);
  }

 private:
  void report(const std::filesystem::path& file, std::string what) {
    faults_.push_back({file, std::move(what)});
  }

  void advance(std::uint64_t bytes) {
    done_ += bytes;
    if (progress_) progress_(done_, total_);
  }

  // A writer may add shards meanwhile: all that are listed by the end are checked.
  bool check_new() {
    std::vector<ShardRecord> listed = state_.index.shards();
    std::erase_if(listed, [this](const auto& record) { return checked_.contains(record.name); });
    for (const ShardRecord& record : listed) total_ += record.bytes;
    for (const ShardRecord& record : listed) {
      check_listed(record);
      checked_.insert(record.name);
    }
    return !listed.empty();
  }

  void check_listed(const ShardRecord& record) {
    const std::filesystem::path path = shard_path(state_.folder, record.name);
    try {
      const LoadedShard loaded = load_shard(path);
      check_identity(loaded, state_.identity());
      if (loaded.shard.record != record)
        report(path, "it is not the shard that index.sqlite lists under this name");
      check_duplicates(loaded);
      advance(loaded.shard.features_offset);
      check_payload(loaded.shard, [this](std::uint64_t bytes) { advance(bytes); });
    } catch (const Error& error) {
      report(path, error.what());
    }
  }

  void check_duplicates(const LoadedShard& loaded) {
    std::uint64_t duplicates = 0;
    for (const Key128& key : loaded.keys) duplicates += keys_.add(key) ? 0 : 1;
    if (duplicates != 0)
      report(loaded.shard.path, fmt::format("{} of its keys occur twice in the cache", duplicates));
  }

  void check_unlisted() {
    const std::vector<std::filesystem::path> files = shard_files(state_.folder);
    while (check_new()) {  // asked again, after the folder: a file may be listed by now
    }
    for (const std::filesystem::path& file : files) {
      if (checked_.contains(file.stem().string())) continue;
      try {
        const LoadedShard loaded = load_shard(file);
        check_identity(loaded, state_.identity());
        report(file, "it is not in the index: the next run of `caft cache` adopts it");
      } catch (const Error& error) {
        report(file, error.what());
      }
    }
  }

  void check_manifests() {
    std::map<std::string, std::uint64_t> absent;
    state_.index.visit_manifests([&](const std::string& dataset, const SampleKey& key) {
      if (!keys_.find(key)) ++absent[dataset];
    });
    for (const auto& [dataset, count] : absent)
      report(Index::path_in(state_.folder),
             fmt::format("data set {} has {} samples that no shard holds", dataset, count));
  }

  const CacheState& state_;
  const std::function<void(std::uint64_t, std::uint64_t)>& progress_;
  std::vector<CacheFault> faults_;
  std::set<std::string> checked_;
  KeyIndex keys_;
  std::uint64_t done_ = 0, total_ = 0;
};

}  // namespace

std::vector<CacheFault> verify_cache(
    const CacheState& state, const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  return Verifier(state, progress).run();
}

}  // namespace caft
