// The one queue of an extraction on a GPU: threads that read put single items in, threads that
// drive a GPU take whole batches out.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "image/jpeg_probe.hpp"

namespace caft {

/// An item on its way to a GPU: a JPEG that it decodes, or pixels that the CPU made.
struct QueuedItem {
  std::size_t index = 0;
  std::vector<std::byte> file;  ///< empty where `pixels` are not
  image::JpegInfo jpeg;
  std::vector<std::uint8_t> pixels;

  [[nodiscard]] std::size_t bytes() const { return file.size() + pixels.size(); }
};

/// Bounded by count and by bytes, so that large files do not fill the memory. Thread-safe.
class ItemQueue {
 public:
  /// Holds about `batches` batches of `batch` items, of `bytes` in all.
  ItemQueue(std::size_t batch, std::size_t batches, std::size_t bytes)
      : batch_(batch),
        most_items_(batch * batches),
        batch_bytes_(bytes / batches),
        most_bytes_(bytes) {}

  /// Waits while the queue is full. False when the run was stopped: the item is dropped.
  bool push(QueuedItem item) {
    std::unique_lock hold(mutex_);
    not_full_.wait(
        hold, [this] { return stopped_ || (items_.size() < most_items_ && bytes_ < most_bytes_); });
    if (stopped_) return false;
    bytes_ += item.bytes();
    items_.push_back(std::move(item));
    if (has_batch()) not_empty_.notify_one();
    return true;
  }

  /// Waits for a whole batch and moves it to `batch`: fewer items only when they are large, or the
  /// last. False when there are no more.
  bool pop(std::vector<QueuedItem>& batch) {
    batch.clear();
    {
      std::unique_lock hold(mutex_);
      not_empty_.wait(hold, [this] { return stopped_ || closed_ || has_batch(); });
      if (stopped_ || items_.empty()) return false;
      std::size_t bytes = 0;
      while (!items_.empty() && batch.size() < batch_ && bytes < batch_bytes_) {
        bytes += items_.front().bytes();
        batch.push_back(std::move(items_.front()));
        items_.pop_front();
      }
      bytes_ -= bytes;
      if (has_batch()) not_empty_.notify_one();
    }
    not_full_.notify_all();
    return true;
  }

  /// No more items will come.
  void close() {
    {
      const std::lock_guard hold(mutex_);
      closed_ = true;
    }
    not_empty_.notify_all();
  }

  /// Wakes everybody: the run has failed.
  void stop() {
    {
      const std::lock_guard hold(mutex_);
      stopped_ = true;
    }
    not_empty_.notify_all();
    not_full_.notify_all();
  }

 private:
  [[nodiscard]] bool has_batch() const { return items_.size() >= batch_ || bytes_ >= batch_bytes_; }

  const std::size_t batch_, most_items_, batch_bytes_, most_bytes_;
  std::mutex mutex_;
  std::condition_variable not_full_, not_empty_;
  std::deque<QueuedItem> items_;
  std::size_t bytes_ = 0;
  bool closed_ = false, stopped_ = false;
};

}  // namespace caft
