#include "head/fused/thread_team.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <system_error>

#include "caft/core/system_info.hpp"

namespace caft::fused {
namespace {

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Waits until `value` is no longer `old`: about 50 microseconds of spinning, then sleep.
void await_change(const std::atomic<std::uint32_t>& value, std::uint32_t old) {
  for (int i = 0; i < 2000; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause();
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

int useful_threads(int wanted, double operations) {
  if (wanted > 0) return wanted;
  return static_cast<int>(std::clamp(operations / 1e6, 1.0, static_cast<double>(usable_cores())));
}

ThreadTeam::ThreadTeam(int threads) : size_(threads > 0 ? threads : usable_cores()) {
  try {
    for (int i = 1; i < size_; ++i) workers_.emplace_back([this, i] { serve(i); });
  } catch (const std::system_error&) {
    size_ = static_cast<int>(workers_.size()) + 1;  // the system gives no more
  }
}

ThreadTeam::~ThreadTeam() {
  stop_.store(true, std::memory_order_relaxed);
  task_.fetch_add(1, std::memory_order_release);
  task_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

std::pair<std::size_t, std::size_t> ThreadTeam::share(std::size_t count, int i) const {
  const auto all = static_cast<std::size_t>(size_);
  const auto mine = static_cast<std::size_t>(i);
  return {count * mine / all, count * (mine + 1) / all};
}

void ThreadTeam::call(int index) noexcept {
  try {
    (*work_)(index);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
  }
}

void ThreadTeam::serve(int index) {
  for (std::uint32_t seen = 0;;) {
    await_change(task_, seen);
    seen = task_.load(std::memory_order_acquire);
    if (stop_.load(std::memory_order_relaxed)) return;
    call(index);
    finished_.fetch_add(1, std::memory_order_release);
    finished_.notify_one();
  }
}

void ThreadTeam::run(const std::function<void(int)>& work) {
  work_ = &work;
  finished_.store(0, std::memory_order_relaxed);
  task_.fetch_add(1, std::memory_order_release);
  task_.notify_all();
  call(0);
  const auto others = static_cast<std::uint32_t>(size_ - 1);
  for (std::uint32_t done; (done = finished_.load(std::memory_order_acquire)) != others;) {
    await_change(finished_, done);
  }
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void ThreadTeam::barrier() {
  if (size_ == 1) return;
  const std::uint32_t turn = passed_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<std::uint32_t>(size_)) {
    arrived_.store(0, std::memory_order_relaxed);
    passed_.fetch_add(1, std::memory_order_release);
    passed_.notify_all();
  } else {
    await_change(passed_, turn);
  }
}

}  // namespace caft::fused
