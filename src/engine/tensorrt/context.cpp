#include "engine/tensorrt/context.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "caft/core/error.hpp"
#include "core/log.hpp"
#include "cuda/nvtx.hpp"
#include "engine/tensorrt/logger.hpp"
#include "engine/tensorrt/types.hpp"

namespace caft::tensorrt {
namespace {

/// Batch sizes kept ready: the usual one, a data set's last one, single images, one more.
constexpr std::size_t most_shapes = 4;

bool on_gpu(const TensorView& view) { return view.device.kind == DeviceKind::cuda; }

/// Whether the GPU can reach this host memory directly.
bool is_pinned(const void* memory) {
  cudaPointerAttributes attributes{};
  if (cudaPointerGetAttributes(&attributes, memory) != cudaSuccess) {
    (void)cudaGetLastError();
    return false;
  }
  return attributes.type == cudaMemoryTypeHost;
}

}  // namespace

TensorRtContext::TensorRtContext(TensorRtEngine& engine)
    : engine_(engine),
      stream_(cuda::make_stream()),
      scratch_(static_cast<std::size_t>(engine.cuda_engine().getDeviceMemorySizeV2())) {
  for (const std::vector<TensorInfo>* ports : {&engine.inputs(), &engine.outputs()}) {
    for (const TensorInfo& info : *ports) {
      staging_.push_back({.row_bytes = row_bytes(info.dtype, info.shape)});
    }
  }
}

TensorRtContext::~TensorRtContext() { cudaStreamSynchronize(stream_.get()); }

void TensorRtContext::infer(std::span<const TensorView> inputs,
                            std::span<const TensorView> outputs) {
  const cuda::NvtxRange range("caft infer");
  const BoundBatch batch = bind_views(engine_, inputs, outputs);
  cuda::set_device(engine_.device().index);
  const cudaStream_t stream = stream_for(batch);
  mark(0, stream);
  std::vector<void*> addresses = upload(batch, stream);
  for (std::size_t i = 0; i < batch.outputs.size(); ++i) {
    addresses.push_back(on_gpu(*batch.outputs[i]) ? batch.outputs[i]->data
                                                  : staging(batch.inputs.size() + i).device.data());
  }
  Shape& shape = shape_for(batch.rows, stream);
  mark(1, stream);
  const auto start = std::chrono::steady_clock::now();
  launch(shape, addresses, stream);
  times_.enqueue =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  mark(2, stream);
  download(batch, stream);
}

cudaStream_t TensorRtContext::stream_for(const BoundBatch& batch) const {
  for (const auto* views : {&batch.inputs, &batch.outputs}) {
    for (const TensorView* view : *views) {
      if (on_gpu(*view) && view->stream != nullptr) return static_cast<cudaStream_t>(view->stream);
    }
  }
  return stream_.get();
}

TensorRtContext::Staging& TensorRtContext::staging(std::size_t port) {
  Staging& staging = staging_[port];
  if (staging.device.size() == 0) {
    const std::size_t bytes = staging.row_bytes * static_cast<std::size_t>(engine_.batch().max);
    staging.host = cuda::PinnedBuffer<std::byte>(bytes);
    staging.device = cuda::DeviceBuffer<std::byte>(bytes);
  }
  return staging;
}

std::vector<void*> TensorRtContext::upload(const BoundBatch& batch, cudaStream_t stream) {
  std::vector<void*> addresses;
  for (std::size_t i = 0; i < batch.inputs.size(); ++i) {
    const TensorView& view = *batch.inputs[i];
    if (on_gpu(view)) {
      addresses.push_back(view.data);
      continue;
    }
    Staging& to = staging(i);
    const std::size_t bytes = to.row_bytes * static_cast<std::size_t>(batch.rows);
    const void* from = view.data;
    if (!is_pinned(from)) {
      std::memcpy(to.host.data(), from, bytes);
      from = to.host.data();
    }
    cuda::check(cudaMemcpyAsync(to.device.data(), from, bytes, cudaMemcpyHostToDevice, stream),
                "copying a batch to the GPU");
    addresses.push_back(to.device.data());
  }
  return addresses;
}

void TensorRtContext::download(const BoundBatch& batch, cudaStream_t stream) {
  bool any_on_host = std::ranges::none_of(batch.inputs, [](const TensorView* view) {
    return on_gpu(*view);
  });  // host inputs are free for the caller again only when they have been read
  for (std::size_t i = 0; i < batch.outputs.size(); ++i) {
    if (on_gpu(*batch.outputs[i])) continue;
    Staging& from = staging(batch.inputs.size() + i);
    cuda::check(cudaMemcpyAsync(from.host.data(), from.device.data(),
                                from.row_bytes * static_cast<std::size_t>(batch.rows),
                                cudaMemcpyDeviceToHost, stream),
                "copying a batch from the GPU");
    any_on_host = true;
  }
  mark(3, stream);
  if (!any_on_host) return;
  cuda::check(cudaStreamSynchronize(stream), "running a batch on the GPU");
  for (std::size_t i = 0; i < batch.outputs.size(); ++i) {
    if (on_gpu(*batch.outputs[i])) continue;
    const Staging& from = staging_[batch.inputs.size() + i];
    std::memcpy(batch.outputs[i]->data, from.host.data(),
                from.row_bytes * static_cast<std::size_t>(batch.rows));
  }
  if (events_.empty()) return;
  const auto between = [&](std::size_t a, std::size_t b) {
    float milliseconds = 0;
    cuda::check(cudaEventElapsedTime(&milliseconds, events_[a].get(), events_[b].get()),
                "timing a batch");
    return static_cast<double>(milliseconds);
  };
  times_.h2d = between(0, 1);
  times_.gpu = between(1, 2);
  times_.d2h = between(2, 3);
}

TensorRtContext::Shape& TensorRtContext::shape_for(std::int64_t rows, cudaStream_t stream) {
  const auto found = std::ranges::find(shapes_, rows, &Shape::rows);
  if (found != shapes_.end()) {
    shapes_.splice(shapes_.begin(), shapes_, found);
    return shapes_.front();
  }
  if (shapes_.size() == most_shapes) {
    cuda::check(cudaDeviceSynchronize(), "waiting for the GPU");  // its work may still be under way
    shapes_.pop_back();
  }
  shapes_.push_front(make_shape(rows, stream));
  return shapes_.front();
}

TensorRtContext::Shape TensorRtContext::make_shape(std::int64_t rows, cudaStream_t stream) {
  forget_errors();
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorKind::unavailable,
                fmt::format("TensorRT cannot {} a batch of {}: {}", what, rows, logged_errors()));
  };
  const int profile = engine_.profile_for(rows);
  Shape shape{.rows = rows};
  shape.context.reset(engine_.cuda_engine().createExecutionContext(
      nvinfer1::ExecutionContextAllocationStrategy::kUSER_MANAGED));
  if (!shape.context) refuse("make a context for");
  shape.context->setDeviceMemoryV2(scratch_.data(), static_cast<std::int64_t>(scratch_.size()));
  if (!shape.context->setOptimizationProfileAsync(profile, stream)) refuse("choose a profile for");
  for (const TensorInfo& info : engine_.inputs()) {
    nvinfer1::Dims dims{};
    dims.nbDims = static_cast<std::int32_t>(info.shape.size());
    std::ranges::copy(info.shape, dims.d);
    dims.d[0] = rows;
    if (!shape.context->setInputShape(info.name.c_str(), dims)) refuse("set the shape of");
  }
  return shape;
}

void TensorRtContext::bind(Shape& shape, const std::vector<void*>& addresses) {
  std::size_t i = 0;
  for (const std::vector<TensorInfo>* ports : {&engine_.inputs(), &engine_.outputs()}) {
    for (const TensorInfo& info : *ports) {
      if (!shape.context->setTensorAddress(info.name.c_str(), addresses[i++])) {
        throw Error(ErrorKind::usage,
                    "TensorRT refuses the memory of '" + info.name + "': " + logged_errors(),
                    "device memory must be aligned to 256 bytes");
      }
    }
  }
}

void TensorRtContext::enqueue(Shape& shape, cudaStream_t stream) {
  forget_errors();
  if (shape.context->enqueueV3(stream)) return;
  (void)cudaGetLastError();
  throw Error(ErrorKind::unavailable, "TensorRT failed to run a batch: " + logged_errors());
}

void TensorRtContext::launch(Shape& shape, const std::vector<void*>& addresses,
                             cudaStream_t stream) {
  const bool same = shape.addresses == addresses;
  used_graph_ = same && shape.graph != nullptr;
  if (used_graph_) {
    cuda::check(cudaGraphLaunch(shape.graph.get(), stream), "launching a CUDA graph");
    return;
  }
  if (!same) {
    shape.graph.reset();
    bind(shape, addresses);
    shape.addresses = addresses;
  }
  enqueue(shape, stream);  // TensorRT wants one run in a new shape before a capture
  if (same && !shape.graph_refused) capture(shape);
}

void TensorRtContext::capture(Shape& shape) {
  cudaGraph_t raw = nullptr;
  const cudaStream_t stream = stream_.get();
  bool captured = cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess;
  if (captured) {
    captured = shape.context->enqueueV3(stream);
    captured = cudaStreamEndCapture(stream, &raw) == cudaSuccess && captured;
  }
  const cuda::Graph graph(raw);
  cudaGraphExec_t exec = nullptr;
  captured = captured && cudaGraphInstantiate(&exec, graph.get(), 0) == cudaSuccess;
  if (captured) {
    shape.graph.reset(exec);
  } else {
    (void)cudaGetLastError();
    shape.graph_refused = true;
    log_debug("a batch of {} runs without a CUDA graph", shape.rows);
  }
}

void TensorRtContext::time_requests() {
  while (events_.size() < 4) events_.push_back(cuda::make_event(/*timing=*/true));
}

void TensorRtContext::mark(int event, cudaStream_t stream) {
  if (events_.empty()) return;
  cuda::check(cudaEventRecord(events_[static_cast<std::size_t>(event)].get(), stream),
              "timing a batch");
}

void TensorRtContext::profile(std::span<const TensorView> inputs,
                              std::span<const TensorView> outputs, nvinfer1::IProfiler& profiler) {
  const BoundBatch batch = bind_views(engine_, inputs, outputs);
  cuda::set_device(engine_.device().index);
  Shape& shape = shape_for(batch.rows, stream_.get());
  std::vector<void*> addresses = upload(batch, stream_.get());
  for (std::size_t i = 0; i < batch.outputs.size(); ++i) {
    addresses.push_back(staging(batch.inputs.size() + i).device.data());
  }
  shape.graph.reset();
  bind(shape, addresses);
  shape.addresses = addresses;
  shape.context->setProfiler(&profiler);
  enqueue(shape, stream_.get());
  cuda::check(cudaStreamSynchronize(stream_.get()), "profiling a batch");
  shape.context->setProfiler(nullptr);
}

}  // namespace caft::tensorrt
