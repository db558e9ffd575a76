#include "serve/image_queue.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <span>
#include <utility>

#include "caft/core/error.hpp"
#include "caft/core/system_info.hpp"
#include "caft/image/preprocess.hpp"
#include "core/log.hpp"
#include "model/scoring.hpp"

namespace caft::serve {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// As many as extract() would start.
int worker_count(const Engine& engine) {
  const int contexts = engine.preferred_contexts(), cores = usable_cores();
  return contexts >= cores ? contexts : contexts + cores;
}

}  // namespace

/// One thread's context and memory.
class ImageQueue::Worker {
 public:
  explicit Worker(ImageQueue& queue)
      : queue_(queue),
        spec_(queue.backbone_.preprocessing),
        image_bytes_(static_cast<std::size_t>(spec_.height) *
                     static_cast<std::size_t>(spec_.width) * 3),
        dim_(static_cast<std::size_t>(queue.backbone_.card.feature_dim)),
        context_(queue.backbone_.engine->create_context()),
        images_(queue.options_.batch * image_bytes_),
        features_(queue.options_.batch * dim_) {}

  /// A first run allocates and compiles: better now than in a client's request.
  void warm_up() {
    for (const std::size_t rows : {queue_.options_.batch, std::size_t{1}})
      run_batch(queue_.backbone_, *context_, images_.data(), features_.data(), rows);
  }

  void work() {
    for (std::vector<ImageJob> jobs = queue_.take(); !jobs.empty(); jobs = queue_.take()) run(jobs);
  }

 private:
  void run(std::vector<ImageJob>& jobs) {
    std::vector<ImageJob*> ready;
    for (ImageJob& job : jobs) {
      queue_.metrics_.wait.observe(seconds_since(job.since));
      if (load(job, images_.data() + ready.size() * image_bytes_)) ready.push_back(&job);
    }
    if (ready.empty()) return;
    queue_.metrics_.batch.observe(static_cast<double>(ready.size()));
    try {
      const auto start = Clock::now();
      run_batch(queue_.backbone_, *context_, images_.data(), features_.data(), ready.size());
      queue_.metrics_.engine.observe(seconds_since(start));
      if (!std::ranges::all_of(std::span(features_).first(ready.size() * dim_),
                               [](float value) { return std::isfinite(value); }))
        throw Error(ErrorKind::mismatch, "it gave NaN or infinity", "use --precision fp32");
    } catch (const std::exception& error) {
      ++queue_.metrics_.failures;
      log_warn("a batch of {} failed: {}", ready.size(), error.what());
      for (ImageJob* job : ready)
        job->done({.error = "the engine failed on this batch", .servers_fault = true});
      return;
    }
    for (std::size_t i = 0; i < ready.size(); ++i) {
      ImageResult result;
      result.probabilities.reserve(queue_.models_.size());
      for (const ServedModel& served : queue_.models_) {
        result.probabilities.push_back(
            row_probabilities(served.model, {features_.data() + i * dim_, dim_}));
      }
      ++queue_.metrics_.images;
      ready[i]->done(std::move(result));
    }
  }

  /// Decodes and crops into `out`; answers the job itself when that fails.
  bool load(ImageJob& job, std::uint8_t* out) {
    try {
      if (!job.pixels) {
        job.pixels = decode_image(
            std::as_bytes(std::span(job.encoded)),
            {.limits = queue_.options_.limits, .exif_orientation = spec_.exif_orientation});
      }
      resize_and_crop(*job.pixels, spec_, {out, image_bytes_});
      job.pixels.reset();
      return true;
    } catch (const Error& error) {
      ++queue_.metrics_.bad_images;
      job.done({.error = error.what()});
    } catch (const std::bad_alloc&) {
      ++queue_.metrics_.bad_images;
      job.done({.error = "there is no memory for an image of this size", .servers_fault = true});
    }
    return false;
  }

  ImageQueue& queue_;
  const Preprocessing& spec_;
  std::size_t image_bytes_, dim_;
  std::unique_ptr<Context> context_;
  std::vector<std::uint8_t> images_;  // [batch, H, W, 3]
  std::vector<float> features_;       // [batch, dim]
};

ImageQueue::ImageQueue(Backbone backbone, std::vector<ServedModel> models,
                       const QueueOptions& options)
    : backbone_(std::move(backbone)), models_(std::move(models)), options_(options) {
  const auto most = static_cast<std::size_t>(backbone_.engine->batch().max);
  options_.batch = options.batch == 0 ? most : std::min(options.batch, most);
  const int count = worker_count(*backbone_.engine);
  for (int i = 0; i < count; ++i) {
    workers_.push_back(std::make_unique<Worker>(*this));
    workers_.back()->warm_up();
  }
  for (const auto& worker : workers_) threads_.emplace_back([&worker] { worker->work(); });
}

ImageQueue::~ImageQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

bool ImageQueue::submit(std::vector<ImageJob> jobs) {
  const auto now = Clock::now();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || jobs_.size() + jobs.size() > options_.most_waiting) return false;
    for (ImageJob& job : jobs) {
      job.since = now;
      jobs_.push_back(std::move(job));
    }
  }
  if (jobs.size() == 1) {
    changed_.notify_one();
  } else {
    changed_.notify_all();
  }
  return true;
}

std::size_t ImageQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

/// Blocks for the next batch; none when the queue has ended.
std::vector<ImageJob> ImageQueue::take() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return {};
    const auto until = jobs_.front().since + options_.delay;
    changed_.wait_until(lock, until, [&] { return stopping_ || jobs_.size() >= options_.batch; });
    if (!jobs_.empty()) break;  // else another worker took them meanwhile
  }
  const auto count = static_cast<std::ptrdiff_t>(std::min(options_.batch, jobs_.size()));
  std::vector<ImageJob> batch(std::make_move_iterator(jobs_.begin()),
                              std::make_move_iterator(jobs_.begin() + count));
  jobs_.erase(jobs_.begin(), jobs_.begin() + count);
  if (!jobs_.empty()) changed_.notify_one();
  return batch;
}

}  // namespace caft::serve
