#include "caft/extract/extractor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <thread>

#include "caft/core/error.hpp"
#include "caft/core/system_info.hpp"
#include "caft/image/image.hpp"
#include "extract/device_lanes.hpp"

namespace caft {
namespace {

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
      std::optional<std::vector<std::byte>> bytes;
      {
        const Stopwatch watch(times_.fetch);
        bytes = run_.task.fetch(i);
      }
      if (!bytes) return;
      const Stopwatch watch(times_.decode);
      const Image image = decode_image(
          *bytes, {.limits = run_.options.limits, .exif_orientation = spec_.exif_orientation});
      resize_and_crop(image, spec_, {images_.data() + items_.size() * image_bytes_, image_bytes_});
      items_.push_back(i);
    } catch (const Error& error) {
      if (!is_items_fault(error)) throw;
      run_.task.bad(i, error.what());
    }
  }

  void flush() {
    if (items_.empty() || run_.stop) return;
    {
      const Stopwatch watch(times_.engine);
      run_batch(run_.backbone, *context_, images_.data(), features_.data(), items_.size());
    }
    for (std::size_t slot = 0; slot < items_.size(); ++slot)
      deliver(run_, items_[slot], {features_.data() + slot * dim_, dim_});
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

void run_workers(Run& run) {
  const auto body = [&run] {
    try {
      Worker worker(run);
      worker.work();
      run.add(worker.times());
    } catch (...) {
      run.fail();
    }
  };
  const int count = worker_count(run.backbone, run.options);
  std::vector<std::jthread> workers;
  workers.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) workers.emplace_back(body);
}

/// A sum of magnitudes is finite only when each of them is. Sixteen sums, so that the loop becomes
/// vector code.
bool all_finite(std::span<const float> row) {
  constexpr std::size_t kLanes = 16;
  std::array<float, kLanes> sums{};
  std::size_t i = 0;
  for (; i + kLanes <= row.size(); i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += std::fabs(row[i + lane]);
  for (; i < row.size(); ++i) sums[0] += std::fabs(row[i]);
  return std::ranges::all_of(sums, [](float sum) { return std::isfinite(sum); });
}

}  // namespace

std::string_view to_string(DecodeWhere where) noexcept {
  if (where == DecodeWhere::cpu) return "cpu";
  return where == DecodeWhere::gpu ? "gpu" : "auto";
}

DecodeWhere decode_where_from_string(std::string_view name) {
  for (const DecodeWhere where : {DecodeWhere::automatic, DecodeWhere::cpu, DecodeWhere::gpu}) {
    if (to_string(where) == name) return where;
  }
  throw Error(ErrorKind::usage, fmt::format("unknown decoder '{}'", name),
              "use one of auto, cpu, gpu");
}

void deliver(const Run& run, std::size_t item, std::span<const float> row) {
  if (!all_finite(row)) {
    throw Error(ErrorKind::mismatch,
                fmt::format("{} gave NaN or infinite features in {}", run.backbone.card.name,
                            to_string(run.backbone.engine->precision())),
                "use --precision fp32");
  }
  run.task.row(item, row);
}

ExtractTimes extract(const Backbone& backbone, const ExtractTask& task,
                     const ExtractOptions& options) {
  Run run{.backbone = backbone, .task = task, .options = options};
  const bool on_gpu = backbone.engine->device().kind == DeviceKind::cuda;
  if (on_gpu) {
    run_device_lanes(run);
  } else {
    (void)decodes_on_gpu(backbone, options, task.count);  // says so where that was asked for
    run_workers(run);
  }
  if (run.error) std::rethrow_exception(run.error);
  return run.times;
}

}  // namespace caft
