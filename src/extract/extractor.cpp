#include "caft/extract/extractor.hpp"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <mutex>
#include <thread>

#include "caft/core/error.hpp"
#include "caft/core/system_info.hpp"
#include "caft/image/image.hpp"

namespace caft {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// What the workers share.
struct Run {
  const Backbone& backbone;
  const ExtractTask& task;
  const ExtractOptions& options;
  std::atomic<std::size_t> next{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;  // guards what follows
  std::exception_ptr error;
  ExtractTimes times;
};

class Worker {
 public:
  explicit Worker(Run& run)
      : run_(run),
        spec_(run.backbone.preprocessing),
        image_bytes_(static_cast<std::size_t>(spec_.height) *
                     static_cast<std::size_t>(spec_.width) * 3),
        batch_(static_cast<std::size_t>(run.backbone.engine->batch().opt)),
        dim_(static_cast<std::size_t>(run.backbone.card.feature_dim)),
        context_(run.backbone.engine->create_context()),
        images_(batch_ * image_bytes_),
        features_(batch_ * dim_) {}

  void work() {
    while (!run_.stop && fill()) flush();
    flush();
  }

  [[nodiscard]] const ExtractTimes& times() const { return times_; }

 private:
  /// Takes items until the batch is full. False when there are no more.
  bool fill() {
    while (items_.size() < batch_) {
      const std::size_t i = run_.next++;
      if (i >= run_.task.count || run_.stop) return false;
      load(i);
    }
    return true;
  }

  void load(std::size_t i) {
    try {
      const auto start = Clock::now();
      const std::optional<std::vector<std::byte>> bytes = run_.task.fetch(i);
      const auto fetched = Clock::now();
      times_.fetch += std::chrono::duration<double>(fetched - start).count();
      if (!bytes) return;
      const Image image = decode_image(
          *bytes, {.limits = run_.options.limits, .exif_orientation = spec_.exif_orientation});
      resize_and_crop(image, spec_, {images_.data() + items_.size() * image_bytes_, image_bytes_});
      times_.decode += seconds_since(fetched);
      items_.push_back(i);
    } catch (const Error& error) {
      const ErrorKind kind = error.kind();
      if (kind != ErrorKind::bad_input && kind != ErrorKind::not_found && kind != ErrorKind::io) {
        throw;
      }
      run_.task.bad(i, error.what());
    }
  }

  void flush() {
    if (items_.empty() || run_.stop) return;
    const auto start = Clock::now();
    run_batch(run_.backbone, *context_, images_.data(), features_.data(), items_.size());
    times_.engine += seconds_since(start);
    for (std::size_t slot = 0; slot < items_.size(); ++slot) {
      const std::span<const float> row(features_.data() + slot * dim_, dim_);
      // A sum is finite only when every term is (or opposite infinities meet, which gives NaN).
      float sum = 0;
      for (const float value : row) sum += std::fabs(value);
      if (!std::isfinite(sum)) {
        throw Error(ErrorKind::mismatch,
                    fmt::format("{} gave NaN or infinite features in {}", run_.backbone.card.name,
                                to_string(run_.backbone.engine->precision())),
                    "use --precision fp32");
      }
      run_.task.row(items_[slot], row);
    }
    items_.clear();
  }

  Run& run_;
  const Preprocessing& spec_;
  std::size_t image_bytes_, batch_, dim_;
  std::unique_ptr<Context> context_;
  std::vector<std::uint8_t> images_;  // [batch, H, W, 3]
  std::vector<float> features_;       // [batch, dim]
  std::vector<std::size_t> items_;    // the item in each slot that is filled
  ExtractTimes times_;
};

int worker_count(const Backbone& backbone, const ExtractOptions& options) {
  if (options.workers > 0) return options.workers;
  const int contexts = backbone.engine->preferred_contexts();
  const int cores = usable_cores();
  // With a stream a core, a worker that decodes leaves exactly its own core to do it on. With
  // fewer, wider streams (or another device) decoding needs workers of its own beside those that
  // wait.
  return contexts >= cores ? contexts : contexts + cores;
}

}  // namespace

ExtractTimes extract(const Backbone& backbone, const ExtractTask& task,
                     const ExtractOptions& options) {
  Run run{.backbone = backbone, .task = task, .options = options};
  const auto body = [&run] {
    try {
      Worker worker(run);
      worker.work();
      const std::lock_guard lock(run.mutex);
      run.times.fetch += worker.times().fetch;
      run.times.decode += worker.times().decode;
      run.times.engine += worker.times().engine;
    } catch (...) {
      run.stop = true;
      const std::lock_guard lock(run.mutex);
      if (!run.error) run.error = std::current_exception();
    }
  };
  {
    const int count = worker_count(backbone, options);
    std::vector<std::jthread> workers;
    workers.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) workers.emplace_back(body);
  }
  if (run.error) std::rethrow_exception(run.error);
  return run.times;
}

}  // namespace caft
