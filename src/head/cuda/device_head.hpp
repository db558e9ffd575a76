// A head on the GPU: parameters, the launches of its steps, its logits.
#pragma once

#include <memory>
#include <vector>

#include "head/cuda/arena.hpp"
#include "head/cuda/gemm.hpp"
#include "head/cuda/kernels.hpp"
#include "head/fused/network.hpp"

namespace caft::cuda {

/// Some successive batches of an epoch, in device memory. `rows` name lines of `features`,
/// `samples` targets; both by position in the chunk.
struct Chunk {
  const __half* features = nullptr;
  const std::uint32_t *rows = nullptr, *samples = nullptr;
  const StepControl* control = nullptr;  ///< of each batch
  double* row_loss = nullptr;
};

/// Two ways of a step. Linear heads on small batches: two kernels of our own, bound by launches and
/// the optimiser's traffic. Else cuBLAS's products of fp16 rows, weights and gradients with fp32
/// sums, and element-wise kernels between them. Parameters, the optimiser's state and the update
/// are fp32 in both; logits for validation are f32 products of the fp16 features.
class DeviceHead {
 public:
  /// `score_rows`: rows of a validation batch. `small`: allow the small step.
  DeviceHead(std::size_t dim, const fused::NetworkShape& shape, std::size_t score_rows, bool small,
             bool overlap, cudaStream_t stream);

  /// Device memory; once to measure, once for good.
  void place(Arena& arena);
  /// After the second `place`.
  void prepare();

  void upload(const std::vector<fused::TrainedLayer>& layers);
  /// With `moments` the optimiser's state too. Waits for the stream.
  void download(std::vector<fused::TrainedLayer>& layers, bool moments) const;

  /// Puts the steps over the chunk's first `count` rows on the stream; may be captured.
  void enqueue(const Chunk& chunk, const LossTables& tables, std::size_t count);

  /// Logits [rows, logits_ld()] of features[index[i]], rows <= score_rows, without dropout; they
  /// stay until the next call.
  const float* logits(const __half* features, const std::uint32_t* index, std::size_t rows);
  [[nodiscard]] std::size_t logits_ld() const { return padded_classes_; }

  [[nodiscard]] bool small_step() const { return small_step_; }

 private:
  void enqueue_small(const Chunk& chunk, const LossTables& tables, std::size_t count);
  void enqueue_products(const Chunk& chunk, const LossTables& tables, std::size_t first,
                        std::size_t rows, const StepControl* control);
  [[nodiscard]] std::size_t padded_outputs(std::size_t layer) const;

  fused::NetworkShape shape_;
  std::size_t score_rows_;
  cudaStream_t stream_;
  bool small_step_;
  std::size_t padded_classes_, padded_hidden_;
  std::vector<DeviceLayer> layers_;
  SmallLinear small_;
  void* workspace_ = nullptr;
  std::unique_ptr<Gemm> gemm_;
  // Of a step by products.
  __half *x_ = nullptr, *activation_ = nullptr, *delta_ = nullptr, *hidden_delta_ = nullptr;
  float *logits_ = nullptr, *hidden_ = nullptr;
  std::vector<float*> gradients_;
  // Of validation.
  float *score_x_ = nullptr, *score_hidden_ = nullptr, *score_logits_ = nullptr;
};

}  // namespace caft::cuda
