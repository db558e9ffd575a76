// One stream of work on a plan.
#pragma once

#include <NvInferRuntime.h>

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "caft/engine/engine.hpp"
#include "cuda/runtime.hpp"
#include "engine/tensorrt/engine.hpp"
#include "engine/views.hpp"

namespace caft::tensorrt {

/// What one request took, by CUDA events; enqueue is host time.
struct RequestTimes {
  double h2d = 0, gpu = 0, d2h = 0, enqueue = 0;  ///< milliseconds
};

/// Runs batches on a stream of its own, or on the one that device views name. Each batch size keeps
/// an execution context of TensorRT's, and from its second run with the same memory on a CUDA graph
/// (a graph is tied to the shapes and addresses it was captured with). The contexts share one block
/// of scratch memory, since they run one after another: memory is that block, the staging of one
/// batch (host and device), and nothing that grows with the number of requests.
class TensorRtContext final : public Context {
 public:
  explicit TensorRtContext(TensorRtEngine& engine);
  ~TensorRtContext() override;

  void infer(std::span<const TensorView> inputs, std::span<const TensorView> outputs) override;

  /// From now on each request is timed; `times` tells of the last one.
  void time_requests();
  [[nodiscard]] const RequestTimes& times() const { return times_; }
  /// Whether the last request was launched as a CUDA graph.
  [[nodiscard]] bool used_graph() const { return used_graph_; }
  [[nodiscard]] cudaStream_t stream() const { return stream_.get(); }
  /// Runs once, without a graph, with TensorRT's profiler listening.
  void profile(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
               nvinfer1::IProfiler& profiler);

 private:
  /// What one batch size needs.
  struct Shape {
    std::int64_t rows = 0;
    std::unique_ptr<nvinfer1::IExecutionContext> context;
    std::vector<void*> addresses;  ///< of the last run, inputs then outputs
    cuda::GraphExec graph;         ///< for `addresses`; none yet, or refused
    bool graph_refused = false;
  };
  /// Where a tensor is kept when the caller's lies in host memory.
  struct Staging {
    std::size_t row_bytes = 0;
    cuda::PinnedBuffer<std::byte> host;
    cuda::DeviceBuffer<std::byte> device;
  };

  Shape& shape_for(std::int64_t rows, cudaStream_t stream);
  Shape make_shape(std::int64_t rows, cudaStream_t stream);
  Staging& staging(std::size_t port);
  void launch(Shape& shape, const std::vector<void*>& addresses, cudaStream_t stream);
  void bind(Shape& shape, const std::vector<void*>& addresses);
  void enqueue(Shape& shape, cudaStream_t stream);
  void capture(Shape& shape);
  std::vector<void*> upload(const BoundBatch& batch, cudaStream_t stream);
  void download(const BoundBatch& batch, cudaStream_t stream);
  [[nodiscard]] cudaStream_t stream_for(const BoundBatch& batch) const;
  void mark(int event, cudaStream_t stream);

  TensorRtEngine& engine_;
  cuda::Stream stream_;
  cuda::DeviceBuffer<std::byte> scratch_;
  std::vector<Staging> staging_;  ///< inputs then outputs
  std::list<Shape> shapes_;       ///< most recently used first
  std::vector<cuda::Event> events_;
  RequestTimes times_;
  bool used_graph_ = false;
};

}  // namespace caft::tensorrt
