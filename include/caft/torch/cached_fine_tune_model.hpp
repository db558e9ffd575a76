// CachedFineTuneModel: a frozen backbone in an inference engine, a LibTorch classifier, and the
// backbone's activations in between, computed once.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "caft/cache/cache.hpp"
#include "caft/core/error.hpp"
#include "caft/engine/engine.hpp"

namespace caft {

class EngineRunner;

struct CachedFineTuneOptions {
  std::string input;   ///< the engine's input that takes images; empty: its only one
  std::string output;  ///< the engine's output that gives features; empty: its only one
  /// How cache_activations keeps rows: torch::kFloat, or torch::kHalf at half the memory.
  torch::ScalarType dtype = torch::kFloat;
};

/// How cache_activations knows which sample a row belongs to, where the batches have no `index`.
enum class RowOrder : std::uint8_t {
  by_target,   ///< the batch's target is the sample's index (int64); any order, shuffled too
  sequential,  ///< batches come in the order of the samples; targets (labels, say) are not looked
               ///< at
};

/// A torch::nn::Module of three parts. `feature_extractor` is frozen: an engine, no parameters.
/// `frozen_data` holds the activations of the training samples. `classifier` is what is trained:
/// any modules that map [N, D] to [N, classes].
///
/// In training mode, once cached, `forward` takes sample indices and reads `frozen_data`, so an
/// epoch costs no backbone at all. Otherwise it takes images and runs the engine. Only the
/// classifier has parameters: optimisers, state dicts and checkpoints see nothing else.
///
/// Not thread-safe, as modules are not. The engine may be shared with others; this module runs it
/// through a context of its own. Images and features pass through host memory, so the engine must
/// run on the CPU; the classifier may be on any device.
class CachedFineTuneModelImpl : public torch::nn::Module {
 public:
  /// `engine` may be null for a model that only ever trains from a cache and classifies features.
  /// `num_records` is the number of samples that cache_activations will see; 0 where use_cache
  /// gives the rows. Throws Error(usage) on an engine that has not the input and output named.
  CachedFineTuneModelImpl(std::shared_ptr<Engine> engine, torch::nn::Sequential head,
                          std::int64_t num_records = 0, CachedFineTuneOptions options = {});

  const std::shared_ptr<Engine> feature_extractor;
  torch::nn::Sequential classifier{nullptr};
  /// [rows, D] f32 or f16; undefined until cached. A plain member, not a buffer.
  torch::Tensor frozen_data;

  [[nodiscard]] bool is_cached() const { return frozen_data.defined(); }
  /// Number of samples that `forward` takes indices of; 0 until cached.
  [[nodiscard]] std::int64_t num_cached() const;

  /// Runs the frozen part once over every sample and keeps the rows on `device`. `loader` is any
  /// range of batches with `.data`, images [N, …] as the engine takes them: a torch::data
  /// DataLoader over a stacked data set, or a plain vector. A row goes to its sample's index: the
  /// batch's `.index` (int64 tensor or vector) where it has one, else what `order` says of
  /// `.target`. The model's mode is kept. Throws Error(usage) when an index is out of range, comes
  /// twice or never, Error(bad_input) when a feature is not finite or too large for f16; the
  /// earlier cache, if any, is then left as it was.
  template <typename Loader>
  void cache_activations(Loader& loader, torch::Device device = torch::kCPU,
                         RowOrder order = RowOrder::by_target);

  /// Takes rows that the durable cache has read, without copying. Sample i is row `row_of[i]`.
  void use_cache(const FeatureMatrix& features);
  /// Takes rows [samples, D], f32 or f16, without copying: sample i is row i.
  void use_cache(const torch::Tensor& features);

  /// Logits [N, classes], with a gradient for the classifier in both cases.
  /// Training mode, once cached: `x` holds sample indices, int64 [N].
  /// Otherwise: `x` holds images as the engine takes them: f32 [N, 3, H, W], normalised, or u8
  /// [N, H, W, 3] where the engine normalises itself.
  /// Throws Error(usage) naming shape and dtype when `x` is neither.
  torch::Tensor forward(const torch::Tensor& x);

  /// f32 [N, D] of images, without a gradient. More images than the engine's largest batch are run
  /// in several.
  torch::Tensor extract_features(const torch::Tensor& images);
  /// f32 [N, D] of sample indices, int64 [N], from the cache.
  torch::Tensor cached_features(const torch::Tensor& indices) const;
  /// Logits [N, classes] of features [N, D], f32 or f16, in either mode.
  torch::Tensor classify_features(const torch::Tensor& features);

 private:
  /// Rows being collected by cache_activations, before they replace frozen_data.
  struct Collection {
    torch::Tensor rows;
    std::vector<bool> written;
    std::int64_t next = 0;  ///< the next row, in sequential order
  };
  [[nodiscard]] Collection begin_caching() const;
  void cache_batch(Collection& collection, const torch::Tensor& images,
                   const torch::Tensor& indices);
  void finish_caching(Collection collection, torch::Device device);
  static torch::Tensor to_indices(const torch::Tensor& indices) { return indices; }
  static torch::Tensor to_indices(const std::vector<std::int64_t>& indices) {
    return torch::tensor(indices, torch::kLong);
  }

  CachedFineTuneOptions options_;
  std::int64_t num_records_;
  torch::Tensor row_of_;  ///< int64 [samples]; undefined where sample i is row i
  std::shared_ptr<EngineRunner> runner_;
};

template <typename Loader>
void CachedFineTuneModelImpl::cache_activations(Loader& loader, torch::Device device,
                                                RowOrder order) {
  Collection collection = begin_caching();
  for (auto& batch : loader) {
    if constexpr (requires { to_indices(batch.index); }) {
      cache_batch(collection, batch.data, to_indices(batch.index));
    } else {
      torch::Tensor indices;  // undefined: the next rows
      if (order == RowOrder::by_target) {
        if constexpr (requires { to_indices(batch.target); }) {
          indices = to_indices(batch.target);
        } else {
          throw Error(ErrorKind::usage, "cache_activations: the batches carry no sample index",
                      "pass RowOrder::sequential if the loader keeps the samples' order");
        }
      }
      cache_batch(collection, batch.data, indices);
    }
  }
  finish_caching(std::move(collection), device);
}

/// Owns the module by shared reference, as LibTorch's holders do.
TORCH_MODULE(CachedFineTuneModel);

}  // namespace caft
