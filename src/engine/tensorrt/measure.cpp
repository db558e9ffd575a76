// How fast a plan runs: latency by parts, throughput, energy, and the time of each layer.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "caft/core/error.hpp"
#include "engine/tensorrt/context.hpp"
#include "engine/tensorrt/energy.hpp"
#include "engine/tensorrt/engine.hpp"
#include "engine/tensorrt/layers.hpp"
#include "engine/tensorrt/types.hpp"

namespace caft::tensorrt {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Seeded random bytes that are small positive numbers in any element type.
void fill(std::span<std::byte> bytes, DType dtype) {
  std::minstd_rand random(1);
  if (dtype == DType::f32) {
    std::uniform_real_distribution<float> value(-1, 1);
    auto* numbers = reinterpret_cast<float*>(bytes.data());
    for (std::size_t i = 0; i < bytes.size() / sizeof(float); ++i) numbers[i] = value(random);
    return;
  }
  if (dtype == DType::f16) {
    auto* numbers = reinterpret_cast<std::uint16_t*>(bytes.data());
    for (std::size_t i = 0; i < bytes.size() / 2; ++i) {
      numbers[i] = static_cast<std::uint16_t>(0x3800U | (random() & 0x83FFU));  // +-0.5 to 1
    }
    return;
  }
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() >> 8U);
}

/// A batch of random inputs with room for the outputs, in pinned host memory or on the GPU.
class Batch {
 public:
  Batch(TensorRtEngine& engine, int rows, bool on_gpu, cudaStream_t stream) {
    for (const TensorInfo& info : engine.inputs()) {
      inputs_.push_back(make(info, rows, on_gpu, stream, engine.device(), /*filled=*/true));
    }
    for (const TensorInfo& info : engine.outputs()) {
      outputs_.push_back(make(info, rows, on_gpu, stream, engine.device(), /*filled=*/false));
    }
  }

  [[nodiscard]] std::span<const TensorView> inputs() const { return inputs_; }
  [[nodiscard]] std::span<const TensorView> outputs() const { return outputs_; }

 private:
  TensorView make(const TensorInfo& info, int rows, bool on_gpu, cudaStream_t stream, Device device,
                  bool filled) {
    TensorView view{.name = info.name, .dtype = info.dtype, .shape = info.shape};
    view.shape.front() = rows;
    const std::size_t bytes = row_bytes(info.dtype, info.shape) * static_cast<std::size_t>(rows);
    host_.emplace_back(bytes);
    if (filled) fill({host_.back().data(), bytes}, info.dtype);
    view.data = host_.back().data();
    if (!on_gpu) return view;
    device_.emplace_back(bytes);
    cuda::check(
        cudaMemcpy(device_.back().data(), host_.back().data(), bytes, cudaMemcpyHostToDevice),
        "copying the benchmark's batch");
    view.data = device_.back().data();
    view.device = device;
    view.stream = stream;
    return view;
  }

  std::vector<cuda::PinnedBuffer<std::byte>> host_;
  std::vector<cuda::DeviceBuffer<std::byte>> device_;
  std::vector<TensorView> inputs_, outputs_;
};

/// One stream's requests.
struct Lane {
  Lane(TensorRtEngine& engine, const MeasureOptions& options)
      : context(engine), batch(engine, options.batch, !options.transfers, context.stream()) {
    if (options.transfers) context.time_requests();
  }

  /// One request, from the call until its outputs are there.
  double run() {
    const auto start = Clock::now();
    context.infer(batch.inputs(), batch.outputs());
    cuda::check(cudaStreamSynchronize(context.stream()), "the benchmark");
    return seconds_since(start) * 1000;
  }

  void run_for(double seconds) {
    const auto start = Clock::now();
    do {
      latency.push_back(run());
      const RequestTimes& times = context.times();
      h2d.push_back(times.h2d);
      gpu.push_back(times.gpu);
      d2h.push_back(times.d2h);
      enqueue.push_back(times.enqueue);
    } while (seconds_since(start) < seconds);
  }

  TensorRtContext context;
  Batch batch;
  std::vector<double> latency, h2d, gpu, d2h, enqueue;  // milliseconds, a request each
};

/// Runs `body` on every lane, a thread each; rethrows what one of them threw.
void on_all(std::vector<std::unique_ptr<Lane>>& lanes, int device, auto body) {
  std::mutex mutex;
  std::exception_ptr error;
  {
    std::vector<std::jthread> threads;
    threads.reserve(lanes.size());
    for (const std::unique_ptr<Lane>& lane : lanes) {
      threads.emplace_back([&] {
        try {
          cuda::set_device(device);
          body(*lane);
        } catch (...) {
          const std::lock_guard lock(mutex);
          error = std::current_exception();
        }
      });
    }
  }
  if (error) std::rethrow_exception(error);
}

std::vector<double> gather(const std::vector<std::unique_ptr<Lane>>& lanes,
                           std::vector<double> Lane::*member) {
  std::vector<double> all;
  for (const std::unique_ptr<Lane>& lane : lanes) {
    all.insert(all.end(), ((*lane).*member).begin(), ((*lane).*member).end());
  }
  return all;
}

/// Adds up what TensorRT reports, a value a layer and run.
class LayerTimes final : public nvinfer1::IProfiler {
 public:
  void reportLayerTime(const char* layer, float milliseconds) noexcept override {
    try {
      const auto [found, fresh] = times_.try_emplace(layer);
      if (fresh) order_.emplace_back(layer);
      found->second.push_back(static_cast<double>(milliseconds));
    } catch (const std::bad_alloc&) {  // one value less
    }
  }
  [[nodiscard]] const std::vector<std::string>& order() const { return order_; }
  [[nodiscard]] double median(const std::string& layer) const {
    return percentiles(times_.at(layer)).p50;
  }

 private:
  std::map<std::string, std::vector<double>> times_;
  std::vector<std::string> order_;
};

}  // namespace

PlanMeasurement TensorRtEngine::measure(const MeasureOptions& options) {
  if (options.batch < 1 || options.streams < 1) {
    throw Error(ErrorKind::usage, "batch and streams must be at least 1");
  }
  (void)profile_for(options.batch);
  const int device = this->device().index;
  cuda::set_device(device);
  std::vector<std::unique_ptr<Lane>> lanes;
  lanes.reserve(static_cast<std::size_t>(options.streams));
  for (int i = 0; i < options.streams; ++i) {
    lanes.push_back(std::make_unique<Lane>(*this, options));
  }
  on_all(lanes, device, [&](Lane& lane) {
    const auto start = Clock::now();
    for (int i = 0; i < 3 || seconds_since(start) < options.warm_up; ++i) lane.run();
  });
  const Energy energy(gpu_.uuid);
  const double joules_before = energy.joules();
  const auto start = Clock::now();
  on_all(lanes, device, [&](Lane& lane) { lane.run_for(options.seconds); });
  const double wall = seconds_since(start);
  const double joules = energy.joules() - joules_before;

  PlanMeasurement result{.batch = options.batch,
                         .streams = options.streams,
                         .transfers = options.transfers,
                         .graph = lanes.front()->context.used_graph()};
  std::vector<double> latency = gather(lanes, &Lane::latency);
  result.runs = static_cast<int>(latency.size());
  const double images = static_cast<double>(latency.size()) * options.batch;
  result.images_per_second = images / wall;
  if (joules_before >= 0) result.joules_per_image = joules / images;
  result.latency = percentiles(std::move(latency));
  result.enqueue = percentiles(gather(lanes, &Lane::enqueue));
  if (options.transfers) {
    result.h2d = percentiles(gather(lanes, &Lane::h2d));
    result.gpu = percentiles(gather(lanes, &Lane::gpu));
    result.d2h = percentiles(gather(lanes, &Lane::d2h));
  }
  return result;
}

std::vector<LayerTime> TensorRtEngine::profile(int batch, int runs) {
  (void)profile_for(batch);
  cuda::set_device(device().index);
  TensorRtContext context(*this);
  const Batch data(*this, batch, /*on_gpu=*/false, context.stream());
  for (int i = 0; i < 3; ++i) context.infer(data.inputs(), data.outputs());
  LayerTimes times;
  for (int i = 0; i < runs; ++i) context.profile(data.inputs(), data.outputs(), times);

  std::map<std::string, PlanLayer> known;
  for (PlanLayer& layer : read_layers(*engine_)) {
    std::string name = layer.name;
    known.emplace(std::move(name), std::move(layer));
  }
  std::vector<LayerTime> result;
  double sum = 0;
  for (const std::string& name : times.order()) {
    LayerTime layer{.name = name, .milliseconds = times.median(name)};
    if (const auto found = known.find(name); found != known.end()) {
      layer.type = found->second.type;
      if (!found->second.precisions.empty()) layer.precision = found->second.precisions.front();
    }
    sum += layer.milliseconds;
    result.push_back(std::move(layer));
  }
  for (LayerTime& layer : result) layer.share = sum > 0 ? layer.milliseconds / sum : 0;
  std::ranges::stable_sort(result, std::greater{}, &LayerTime::milliseconds);
  return result;
}

}  // namespace caft::tensorrt
