#include "caft/extract/measure.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <random>
#include <thread>

#include "caft/core/error.hpp"
#include "caft/core/system_info.hpp"
#include "extract/device_lanes.hpp"

namespace caft {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// One context with its own pixels and features.
class Runner {
 public:
  Runner(const Backbone& backbone, std::size_t batch)
      : backbone_(backbone), batch_(batch), context_(backbone.engine->create_context()) {
    const Preprocessing& spec = backbone.preprocessing;
    images_.resize(batch * static_cast<std::size_t>(spec.height) *
                   static_cast<std::size_t>(spec.width) * 3);
    features_.resize(batch * static_cast<std::size_t>(backbone.card.feature_dim));
    std::minstd_rand random(1);
    for (std::uint8_t& value : images_) value = static_cast<std::uint8_t>(random() >> 8);
  }

  /// Milliseconds of one request.
  double run() {
    const auto start = Clock::now();
    run_batch(backbone_, *context_, images_.data(), features_.data(), batch_);
    return seconds_since(start) * 1000;
  }

 private:
  const Backbone& backbone_;
  std::size_t batch_;
  std::unique_ptr<Context> context_;
  std::vector<std::uint8_t> images_;
  std::vector<float> features_;
};

}  // namespace

EngineMeasurement measure_engine(const Backbone& backbone, double seconds) {
  EngineMeasurement result;
  const auto batch = static_cast<std::size_t>(backbone.engine->batch().opt);
  result.contexts = backbone.engine->preferred_contexts();
  std::vector<Runner> runners;
  runners.reserve(static_cast<std::size_t>(result.contexts));
  for (int i = 0; i < result.contexts; ++i) runners.emplace_back(backbone, batch);

  std::mutex mutex;
  std::vector<double> latencies;
  std::exception_ptr error;
  const auto everyone_for = [&](double time, bool count) {
    const auto start = Clock::now();
    const auto body = [&](Runner& runner) {
      try {
        std::vector<double> mine;
        do mine.push_back(runner.run());
        while (seconds_since(start) < time);
        const std::lock_guard lock(mutex);
        if (count) latencies.insert(latencies.end(), mine.begin(), mine.end());
      } catch (...) {
        const std::lock_guard lock(mutex);
        error = std::current_exception();
      }
    };
    {
      std::vector<std::jthread> threads;
      threads.reserve(runners.size());
      for (Runner& runner : runners) threads.emplace_back(body, std::ref(runner));
    }
    if (error) std::rethrow_exception(error);
    return seconds_since(start);
  };
  everyone_for(seconds / 5, false);
  const double wall = everyone_for(seconds, true);
  result.images_per_second = static_cast<double>(latencies.size() * batch) / wall;
  result.batch_latency = percentiles(std::move(latencies));

  Runner one(backbone, 1);
  std::vector<double> single;
  for (int i = 0; i < 3; ++i) one.run();
  const auto start = Clock::now();
  do single.push_back(one.run());
  while (seconds_since(start) < seconds / 2);
  result.single_latency = percentiles(std::move(single));
  return result;
}

namespace {

/// Images a second that are read, decoded, resized and cropped on every core.
double decode_on_cores(const Backbone& backbone, const ExtractTask& task,
                       const ExtractOptions& options) {
  std::atomic<std::size_t> next{0};
  const Preprocessing& spec = backbone.preprocessing;
  const auto start = Clock::now();
  {
    const int cores = usable_cores();
    std::vector<std::jthread> threads;
    threads.reserve(static_cast<std::size_t>(cores));
    for (int t = 0; t < cores; ++t) {
      threads.emplace_back([&] {
        std::vector<std::uint8_t> pixels(static_cast<std::size_t>(spec.height) *
                                         static_cast<std::size_t>(spec.width) * 3);
        for (std::size_t i = next++; i < task.count; i = next++) {
          resize_and_crop(decode_image(*task.fetch(i), {.limits = options.limits}), spec, pixels);
        }
      });
    }
  }
  return static_cast<double>(task.count) / seconds_since(start);
}

/// The same by the lanes of an extraction on a GPU, their start included.
double decode_in_lanes(const Backbone& backbone, const ExtractTask& task,
                       const ExtractOptions& options) {
  Run run{.backbone = backbone, .task = task, .options = options};
  const auto start = Clock::now();
  run_device_lanes(run, false);
  if (run.error) std::rethrow_exception(run.error);
  return static_cast<double>(task.count) / seconds_since(start);
}

}  // namespace

PipelineMeasurement measure_pipeline(const Backbone& backbone,
                                     const std::vector<ImageSource>& images, int passes,
                                     const ExtractOptions& options) {
  const std::size_t count = images.size() * static_cast<std::size_t>(passes);
  std::atomic<std::size_t> rows{0};
  const ExtractTask task{
      .count = count,
      .fetch = [&](std::size_t i) { return std::optional(read_source(images[i % images.size()])); },
      .row = [&](std::size_t, std::span<const float>) { ++rows; },
      .bad =
          [&](std::size_t i, const std::string& reason) {
            throw Error(ErrorKind::bad_input,
                        images[i % images.size()].display_name() + ": " + reason);
          }};
  PipelineMeasurement result;
  result.beside_engine = backbone.engine->device().kind == DeviceKind::cuda;
  const bool gpu = decodes_on_gpu(backbone, options, count);
  result.decoder = gpu ? "gpu" : "cpu";
  const auto start = Clock::now();
  extract(backbone, task, options);
  result.pipeline_images_per_second = static_cast<double>(rows) / seconds_since(start);
  result.decode_images_per_second =
      gpu ? decode_in_lanes(backbone, task, options) : decode_on_cores(backbone, task, options);
  return result;
}

}  // namespace caft
