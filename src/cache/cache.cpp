// The public classes, over CacheState and Committer.
#include "caft/cache/cache.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>
#include <thread>

#include "cache/committer.hpp"
#include "cache/fingerprint.hpp"
#include "cache/lock.hpp"
#include "cache/pack_row.hpp"
#include "cache/state.hpp"
#include "cache/verify.hpp"
#include "caft/core/error.hpp"
#include "core/log.hpp"

namespace caft {
namespace {

constexpr std::size_t kMaxDim = std::size_t{1} << 28;

// std::filesystem's errors as ours.
template <typename Action>
auto translated(const std::filesystem::path& folder, const Action& action) {
  try {
    return action();
  } catch (const std::filesystem::filesystem_error& error) {
    const std::filesystem::path& where = error.path1().empty() ? folder : error.path1();
    throw Error(ErrorKind::io, fmt::format("{}: {}", where.string(), error.code().message()));
  }
}

// RFC 9562, version 4.
std::string new_uuid() {
  std::random_device random;
  const auto bits = [&] { return std::uint64_t{random()} << 32 | random(); };
  const std::uint64_t high = (bits() & ~0xf000ULL) | 0x4000ULL;
  const std::uint64_t low = (bits() & ~(3ULL << 62)) | 2ULL << 62;
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff,
                     high & 0xffff, low >> 48, low & 0xffffffffffffULL);
}

// Another process may be making the same cache: the one that loses the lock finds it made.
void make_index(const std::filesystem::path& folder, const Fingerprint& fingerprint,
                const Cache::CreateOptions& options) {
  std::filesystem::create_directories(shard_folder(folder));
  constexpr int kTries = 100;
  for (int i = 1;; ++i) {
    try {
      const CacheLock lock(folder);
      if (std::filesystem::exists(Index::path_in(folder))) return;
      Index::create(folder, {new_uuid(), canonical(fingerprint.hard), options.dtype, options.dim},
                    canonical(fingerprint.soft), {});
      return;
    } catch (const Error&) {
      if (std::filesystem::exists(Index::path_in(folder))) return;
      if (i == kTries) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void check_same(const CacheState& state, const Fingerprint& fingerprint,
                const Cache::CreateOptions& options) {
  const auto whole = [](const nlohmann::json& hard, DType dtype, std::size_t dim) {
    return nlohmann::json{
        {"fingerprint", hard}, {"stored dtype", to_string(dtype)}, {"feature dim", dim}};
  };
  const CacheIdentity& identity = state.identity();
  const std::string lines =
      describe_difference(whole(state.fingerprint.hard, identity.dtype, identity.dim),
                          whole(fingerprint.hard, options.dtype, options.dim));
  if (lines.empty()) return;
  throw Error(ErrorKind::mismatch,
              fmt::format("cache {} holds features made differently; choose another folder, or the "
                          "same settings:\n{}",
                          state.folder.string(), lines));
}

}  // namespace

struct Cache::Impl {
  explicit Impl(const std::filesystem::path& folder)
      : state(std::make_shared<CacheState>(folder)) {}
  std::shared_ptr<CacheState> state;
};

Cache::Cache(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Cache::Cache(Cache&&) noexcept = default;
Cache& Cache::operator=(Cache&&) noexcept = default;
Cache::~Cache() = default;

Cache Cache::open_or_create(const std::filesystem::path& folder, const Fingerprint& fingerprint,
                            const CreateOptions& options) {
  if (options.dtype != DType::f32 && options.dtype != DType::f16)
    throw Error(ErrorKind::usage, fmt::format("a cache cannot store {}", to_string(options.dtype)),
                "use fp32 or fp16");
  if (options.dim == 0 || options.dim > kMaxDim)
    throw Error(ErrorKind::usage,
                fmt::format("a cache cannot store {} features a row", options.dim));
  translated(folder, [&] {
    if (!std::filesystem::exists(Index::path_in(folder)) && shard_files(folder).empty())
      make_index(folder, fingerprint, options);
  });
  Cache cache = open(folder);
  check_same(*cache.impl_->state, fingerprint, options);
  cache.impl_->state->writer_soft = fingerprint.soft;
  return cache;
}

Cache Cache::open(const std::filesystem::path& folder) {
  return Cache(translated(folder, [&] { return std::make_shared<Impl>(folder); }));
}

const std::filesystem::path& Cache::folder() const { return impl_->state->folder; }
const Fingerprint& Cache::fingerprint() const { return impl_->state->fingerprint; }
std::size_t Cache::dim() const { return impl_->state->identity().dim; }
DType Cache::dtype() const { return impl_->state->identity().dtype; }

CacheStats Cache::stats() const {
  const std::shared_lock hold(impl_->state->mutex);
  CacheStats stats;
  stats.shards = impl_->state->catalog.shards.size();
  for (const auto& shard : impl_->state->catalog.shards) {
    stats.rows += shard->record.rows;
    stats.bytes += shard->record.bytes;
  }
  return stats;
}

bool Cache::contains(const SampleKey& key) const { return impl_->state->contains(key); }

FeatureMatrix Cache::read(std::span<const SampleKey> keys) const {
  return read_features(*impl_->state, keys);
}

std::vector<CacheFault> Cache::verify(
    const std::function<void(std::uint64_t, std::uint64_t)>& progress) const {
  return verify_cache(*impl_->state, progress);
}

std::optional<SampleKey> Cache::remembered(const std::string& path, const FileStamp& stamp) const {
  return impl_->state->index.remembered(path, stamp);
}

bool Cache::remembers_any() const { return impl_->state->index.remembers_any(); }

struct Cache::Writer::Impl {
  Impl(std::shared_ptr<CacheState> opened, const Options& options, const nlohmann::json& soft)
      : state(std::move(opened)), lock(state->folder) {
    state->index.set_durable(options.durable);
    recover(*state);
    committer.emplace(state, options, canonical(soft));
  }
  std::shared_ptr<CacheState> state;
  CacheLock lock;
  std::optional<Committer> committer;  ///< goes before the lock does
};

Cache::Writer::Writer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Cache::Writer::Writer(Writer&&) noexcept = default;
Cache::Writer::~Writer() = default;

Cache::Writer Cache::writer(const Writer::Options& options, const nlohmann::json& soft) {
  return Writer(translated(
      folder(), [&] { return std::make_unique<Writer::Impl>(impl_->state, options, soft); }));
}

Cache::Writer Cache::writer() { return writer({}, impl_->state->writer_soft); }

void Cache::Writer::append(const SampleKey& key, std::span<const float> row) {
  const CacheIdentity& identity = impl_->state->identity();
  if (row.size() != identity.dim)
    throw Error(ErrorKind::usage,
                fmt::format("a row of {} features for a cache of {}", row.size(), identity.dim));
  thread_local std::vector<std::uint16_t> scratch;
  impl_->committer->append(key, pack_row(key, row, identity.dtype, scratch));
}

void Cache::Writer::remember(const std::string& path, const FileStamp& stamp,
                             const SampleKey& key) {
  impl_->committer->remember({path, stamp, key});
}

void Cache::Writer::commit() { impl_->committer->flush(); }

void Cache::Writer::finish(const std::string& dataset,
                           const std::vector<std::pair<std::string, SampleKey>>& manifest) {
  commit();
  std::vector<std::pair<std::string, SampleKey>> held;
  for (const auto& entry : manifest)
    if (impl_->state->contains(entry.second)) held.push_back(entry);
  if (held.size() != manifest.size())
    log_info("{}: {} of {} samples have no features", dataset, manifest.size() - held.size(),
             manifest.size());
  impl_->state->index.set_manifest(dataset, held);
}

FileStamp file_stamp(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    throw Error(ErrorKind::not_found,
                fmt::format("cannot stat {}: {}", path.string(), std::strerror(errno)));
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  return {static_cast<std::uint64_t>(status.st_size), static_cast<std::uint64_t>(status.st_ino),
          static_cast<std::uint64_t>(status.st_dev),
          status.st_mtim.tv_sec * kNanoseconds + status.st_mtim.tv_nsec,
          status.st_ctim.tv_sec * kNanoseconds + status.st_ctim.tv_nsec};
}

}  // namespace caft
