// A fixed team of threads for loops of a few hundred microseconds.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace caft::fused {

/// How many threads a loop gains from: as many as the user `wanted`; when that is 0, as many cores
/// as this process may use, but no more than one for each million of the `operations` between two
/// barriers. Less than ten microseconds of work is not worth a meeting.
int useful_threads(int wanted, double operations);

/// Threads that run the same function side by side and meet at barriers. Waiting spins for some
/// microseconds, since a training step takes a few hundred and a sleep costs fifty, and then
/// sleeps, since the cores may belong to somebody else. Used by one thread at a time, its owner.
class ThreadTeam {
 public:
  /// `threads` 0: every core that this process may use. The calling thread is one of them. Where
  /// the system refuses so many threads, the team is smaller.
  explicit ThreadTeam(int threads);
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;
  ~ThreadTeam();

  [[nodiscard]] int size() const { return size_; }

  /// Calls work(i) for i in [0, size()), each on its own thread, 0 on the caller's, and returns
  /// when all are done. The first exception is thrown again here; work that meets at barriers must
  /// not throw, since the others would wait for it for ever.
  void run(const std::function<void(int)>& work);

  /// Waits inside `run` until every thread of the team has come here.
  void barrier();

  /// The part [first, last) of `count` items that falls to thread `i`.
  [[nodiscard]] std::pair<std::size_t, std::size_t> share(std::size_t count, int i) const;

 private:
  void serve(int index);
  void call(int index) noexcept;

  int size_;
  const std::function<void(int)>* work_ = nullptr;
  std::atomic<std::uint32_t> task_{0};      ///< counts runs; workers wait for the next
  std::atomic<std::uint32_t> finished_{0};  ///< workers done with the present run
  std::atomic<std::uint32_t> arrived_{0};   ///< at the present barrier
  std::atomic<std::uint32_t> passed_{0};    ///< counts barriers
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::exception_ptr failure_;
  std::vector<std::thread> workers_;
};

}  // namespace caft::fused
