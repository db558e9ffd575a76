#include "extract/device_lanes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "caft/core/system_info.hpp"
#include "caft/image/image.hpp"
#include "core/log.hpp"
#include "cuda/image_loader.hpp"
#include "extract/item_queue.hpp"

namespace caft {
namespace {

/// With four, one lane's batch is in the JPEG engines, one in the network, one on its way back.
constexpr int kLanesPerDevice = 4;

/// Fewer images than these are decoded on the CPU by the time that a decoder has started.
constexpr std::size_t kFewImages = 64;

constexpr std::size_t kQueueBytes = std::size_t{2} << 30;  // of encoded files and CPU-made pixels

std::size_t image_bytes(const Preprocessing& spec) {
  return std::size_t{3} * static_cast<std::size_t>(spec.height) *
         static_cast<std::size_t>(spec.width);
}

std::vector<Engine*> engines_of(const Backbone& backbone) {
  std::vector<Engine*> engines{backbone.engine.get()};
  for (const std::shared_ptr<Engine>& replica : backbone.replicas) engines.push_back(replica.get());
  return engines;
}

cuda::ImageLoaderOptions loader_options(const Backbone& backbone, const Engine& engine, int batch) {
  return {.device = engine.device().index, .batch = batch, .spec = backbone.preprocessing};
}

DecodeOptions decode_options(const Run& run) {
  return {.limits = run.options.limits,
          .exif_orientation = run.backbone.preprocessing.exif_orientation};
}

/// Reads items, finds out who decodes them, and queues them.
class Fetcher {
 public:
  Fetcher(Run& run, ItemQueue& queue, bool gpu) : run_(run), queue_(queue), gpu_(gpu) {}

  void work() {
    while (!run_.stop) {
      const std::size_t i = run_.next++;
      if (i >= run_.task.count) return;
      try {
        if (!fetch(i)) return;
      } catch (const Error& error) {
        if (!is_items_fault(error)) throw;
        run_.task.bad(i, error.what());
      }
    }
  }

  [[nodiscard]] const ExtractTimes& times() const { return times_; }

 private:
  bool fetch(std::size_t i) {
    std::optional<std::vector<std::byte>> file;
    {
      const Stopwatch watch(times_.fetch);
      file = run_.task.fetch(i);
    }
    if (!file) return true;
    QueuedItem item{.index = i};
    const DecodeOptions options = decode_options(run_);
    const auto jpeg = gpu_ ? image::probe_jpeg(*file, options) : std::nullopt;
    if (jpeg && cuda::decoding_bytes(*jpeg) <= cuda::ImageLoaderOptions{}.pixel_memory) {
      item.file = std::move(*file);
      item.jpeg = *jpeg;
    } else {
      const Stopwatch watch(times_.decode);
      item.pixels.resize(image_bytes(run_.backbone.preprocessing));
      resize_and_crop(decode_image(*file, options), run_.backbone.preprocessing, item.pixels);
    }
    return queue_.push(std::move(item));
  }

  Run& run_;
  ItemQueue& queue_;
  bool gpu_;
  ExtractTimes times_;
};

/// One stream of work on one GPU.
class Lane {
 public:
  /// `loader` may be empty: then all items must be pixels.
  Lane(Run& run, Engine& engine, ItemQueue& queue, std::unique_ptr<cuda::ImageLoader> loader,
       bool infer)
      : run_(run),
        spec_(run.backbone.preprocessing),
        engine_(engine),
        queue_(queue),
        loader_(std::move(loader)),
        image_bytes_(image_bytes(spec_)),
        dim_(static_cast<std::size_t>(run.backbone.card.feature_dim)) {
    const auto most = static_cast<std::size_t>(engine.batch().max);
    if (infer) {
      context_ = engine.create_context();
      features_.resize(most * dim_);
    }
    if (!loader_) images_.resize(most * image_bytes_);
  }

  void work() {
    while (!run_.stop && queue_.pop(batch_)) {
      good_.assign(batch_.size(), true);
      {
        const Stopwatch watch(times_.decode);
        if (loader_) {
          load();
        } else {
          gather();
        }
      }
      if (!context_) continue;
      infer();
      for (std::size_t slot = 0; slot < batch_.size(); ++slot) {
        if (good_[slot]) deliver(run_, batch_[slot].index, {&features_[slot * dim_], dim_});
      }
    }
  }

  [[nodiscard]] const ExtractTimes& times() const { return times_; }

 private:
  void load() {
    items_.clear();
    for (std::size_t slot = 0; slot < batch_.size(); ++slot) {
      const QueuedItem& item = batch_[slot];
      items_.push_back({.slot = slot, .file = item.file, .jpeg = item.jpeg, .pixels = item.pixels});
    }
    const std::vector<std::size_t> refused = loader_->load(items_);
    if (refused.empty()) return;
    log_debug("the GPU refused {} of {} JPEGs", refused.size(), batch_.size());
    std::vector<cuda::ImageLoader::Item> retry;
    for (const std::size_t slot : refused) {
      QueuedItem& item = batch_[slot];
      try {
        item.pixels.resize(image_bytes_);
        resize_and_crop(decode_image(item.file, decode_options(run_)), spec_, item.pixels);
        retry.push_back({.slot = slot, .pixels = item.pixels});
      } catch (const Error& error) {
        if (!is_items_fault(error)) throw;
        good_[slot] = false;
        run_.task.bad(item.index, error.what());
      }
    }
    loader_->load(retry);
  }

  void gather() {
    for (std::size_t slot = 0; slot < batch_.size(); ++slot)
      std::memcpy(&images_[slot * image_bytes_], batch_[slot].pixels.data(), image_bytes_);
  }

  void infer() {
    const Stopwatch watch(times_.engine);
    const auto count = static_cast<std::int64_t>(batch_.size());
    TensorView input{.name = run_.backbone.card.input,
                     .data = images_.data(),
                     .dtype = DType::u8,
                     .shape = {count, spec_.height, spec_.width, 3}};
    if (loader_) {
      input.data = loader_->images();
      input.device = engine_.device();
      input.stream = loader_->stream();
    }
    const TensorView output{.name = run_.backbone.card.output,
                            .data = features_.data(),
                            .dtype = DType::f32,
                            .shape = {count, run_.backbone.card.feature_dim}};
    context_->infer({&input, 1}, {&output, 1});
  }

  Run& run_;
  const Preprocessing& spec_;
  Engine& engine_;
  ItemQueue& queue_;
  std::unique_ptr<cuda::ImageLoader> loader_;
  std::size_t image_bytes_, dim_;
  std::unique_ptr<Context> context_;
  std::vector<float> features_;       // [batch, dim]
  std::vector<std::uint8_t> images_;  // [batch, H, W, 3], without a loader
  std::vector<QueuedItem> batch_;
  std::vector<cuda::ImageLoader::Item> items_;
  std::vector<bool> good_;  // by slot
  ExtractTimes times_;
};

}  // namespace

bool decodes_on_gpu(const Backbone& backbone, const ExtractOptions& options, std::size_t count) {
  if (options.decode == DecodeWhere::cpu) return false;
  const bool asked = options.decode == DecodeWhere::gpu;
  if (backbone.engine->device().kind != DeviceKind::cuda) {
    if (!asked) return false;
    throw Error(ErrorKind::usage,
                fmt::format("images cannot be decoded on a GPU for an engine on the CPU ({})",
                            backbone.engine->description()),
                "use --backend tensorrt, or --decode cpu");
  }
  if (!asked && count < kFewImages) return false;
  static std::mutex mutex;
  static std::optional<bool> works;  // it costs a while to find out
  const std::lock_guard lock(mutex);
  if (works.value_or(false) || (works && !asked)) return *works;
  try {
    (void)cuda::open_image_loader(loader_options(backbone, *backbone.engine, 1));
    works = true;
  } catch (const Error& error) {
    if (asked || error.kind() != ErrorKind::unavailable) throw;
    log_warn("images are decoded on the CPU: {}", error.what());
    works = false;
  }
  return *works;
}

void run_device_lanes(Run& run, bool infer) {
  const std::vector<Engine*> engines = engines_of(run.backbone);
  const bool gpu = decodes_on_gpu(run.backbone, run.options, run.task.count);
  const auto batch = static_cast<std::size_t>(run.backbone.engine->batch().max);
  // Which engine each lane drives: in turn, so that a run of few batches uses every GPU.
  std::vector<Engine*> lanes;
  const int each = run.options.workers > 0
                       ? run.options.workers
                       : std::max(kLanesPerDevice, run.backbone.engine->preferred_contexts());
  const std::size_t batches = std::max<std::size_t>((run.task.count + batch - 1) / batch, 1);
  for (int i = 0; i < each; ++i) {
    for (Engine* engine : engines) {
      if (lanes.size() < batches) lanes.push_back(engine);
    }
  }
  ItemQueue queue(batch, lanes.size() + 1, kQueueBytes);

  const auto guarded = [&run, &queue](const auto& body) {
    try {
      body();
    } catch (...) {
      run.fail();
      queue.stop();
    }
  };
  std::vector<std::jthread> drivers;
  drivers.reserve(lanes.size());
  for (Engine* engine : lanes) {
    drivers.emplace_back([&, engine] {
      guarded([&] {
        const auto start = std::chrono::steady_clock::now();
        std::unique_ptr<cuda::ImageLoader> loader;
        if (gpu) {
          loader =
              cuda::open_image_loader(loader_options(run.backbone, *engine, engine->batch().max));
        }
        Lane lane(run, *engine, queue, std::move(loader), infer);
        log_debug("a lane on GPU {} started in {:.2f} s", engine->device().index,
                  std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
        lane.work();
        run.add(lane.times());
      });
    });
  }
  {
    std::vector<std::jthread> readers;
    const int count = usable_cores();
    readers.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      readers.emplace_back([&] {
        guarded([&] {
          Fetcher fetcher(run, queue, gpu);
          fetcher.work();
          run.add(fetcher.times());
        });
      });
    }
  }
  queue.close();
}

}  // namespace caft
