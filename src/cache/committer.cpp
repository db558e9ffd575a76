#include "cache/committer.hpp"

#include <algorithm>

#include "caft/core/error.hpp"
#include "core/log.hpp"

namespace caft {
namespace {

constexpr std::size_t kMemoAtOnce = 1 << 14;  ///< bounds the memory of a run that computes nothing
constexpr std::size_t kMostReserved = std::size_t{256} << 20;

}  // namespace

Committer::Committer(std::shared_ptr<CacheState> state, const Cache::Writer::Options& options,
                     std::string soft)
    : state_(std::move(state)), options_(options), soft_(std::move(soft)), next_number_(1) {
  for (const std::filesystem::path& file : shard_files(state_->folder))
    next_number_ = std::max(next_number_, shard_number(file.stem().string()) + 1);
  thread_ = std::thread([this] { run(); });
}

Committer::~Committer() {
  {
    const std::scoped_lock hold(mutex_);
    stop_ = true;
  }
  work_.notify_all();
  thread_.join();
  if (!error_ || error_seen_) return;
  try {
    std::rethrow_exception(error_);
  } catch (const std::exception& error) {
    log_warn("{}", error.what());
  }
}

bool Committer::full() const { return open_.rows.features.size() >= options_.shard_bytes; }

bool Committer::due() const {
  if (taken_ == handed_over_) return false;
  const std::chrono::duration<double> age = std::chrono::system_clock::now() - since_;
  return full() || open_.memo.size() >= kMemoAtOnce || handed_over_ < flush_until_ ||
         age.count() >= options_.shard_seconds;
}

void Committer::took_one() {
  if (taken_++ == handed_over_) {
    since_ = std::chrono::system_clock::now();
    work_.notify_one();  // the thread sets its alarm
  }
  if (full() || open_.memo.size() >= kMemoAtOnce) work_.notify_one();
}

void Committer::append(const SampleKey& key, std::span<const std::byte> row) {
  const std::uint64_t checksum = xxh3_64(row);
  std::unique_lock hold(mutex_);
  done_.wait(hold, [this] { return error_ || !full(); });
  if (error_) {
    error_seen_ = true;
    std::rethrow_exception(error_);
  }
  // In this order: a committed row enters the catalog before it leaves `pending_`.
  if (pending_.contains(key) || state_->contains(key)) return;
  if (open_.rows.features.capacity() == 0)  // once, where doubling would take twice the memory
    open_.rows.features.reserve(std::min(options_.shard_bytes, kMostReserved) + row.size());
  open_.rows.features.insert(open_.rows.features.end(), row.begin(), row.end());
  open_.rows.keys.push_back(key);
  open_.rows.row_checksums.push_back(checksum);
  pending_.insert(key);
  took_one();
}

void Committer::remember(MemoEntry entry) {
  std::unique_lock hold(mutex_);
  done_.wait(hold, [this] { return error_ || open_.memo.size() < kMemoAtOnce; });
  if (error_) {
    error_seen_ = true;
    std::rethrow_exception(error_);
  }
  open_.memo.push_back(std::move(entry));
  took_one();
}

void Committer::flush() {
  std::unique_lock hold(mutex_);
  const std::uint64_t until = taken_;
  flush_until_ = std::max(flush_until_, until);
  work_.notify_one();
  done_.wait(hold, [&] { return error_ || committed_ >= until; });
  if (error_) {
    error_seen_ = true;
    std::rethrow_exception(error_);
  }
}

void Committer::run() {
  Job job;
  std::unique_lock hold(mutex_);
  while (!stop_) {
    if (!due()) {
      if (taken_ == handed_over_) {
        work_.wait(hold);
      } else {
        // A long age is no alarm; capped, since the clock's arithmetic overflows on huge ones.
        const double seconds = std::clamp(options_.shard_seconds, 0.001, 3600.0);
        work_.wait_until(hold, since_ + std::chrono::milliseconds(static_cast<int>(seconds * 1e3)));
      }
      continue;
    }
    std::swap(job, open_);
    handed_over_ = taken_;
    const std::uint64_t these = handed_over_;
    done_.notify_all();
    hold.unlock();
    std::exception_ptr error;
    try {
      commit(job);
    } catch (...) {
      error = std::current_exception();
    }
    hold.lock();
    if (error) {
      error_ = error;
      done_.notify_all();
      return;
    }
    for (const SampleKey& key : job.rows.keys) pending_.erase(key);
    job.rows.clear();
    job.memo.clear();
    committed_ = these;
    done_.notify_all();
  }
}

void Committer::commit(Job& job) {
  if (job.rows.empty()) {
    state_->index.commit(nullptr, job.memo);
    return;
  }
  Shard shard = write_shard(shard_folder(state_->folder), new_shard_name(next_number_++),
                            state_->identity(), soft_, job.rows, options_.durable);
  // If this fails the shard stays, whole and durable, and the next writer adopts it.
  state_->index.commit(&shard.record, job.memo);
  state_->add(std::move(shard), job.rows.keys);
}

}  // namespace caft
