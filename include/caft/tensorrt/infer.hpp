// TensorRT inference over pointers, shapes and a stream, for programs that need nothing else of
// caft.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "caft/engine/engine.hpp"

namespace caft {

/// A plan on a GPU with one stream of work. Tensors are named views of host memory (copied through
/// pinned memory; the call returns when the outputs are there) or of device memory (used in place;
/// when all of them are and name a stream, the call returns once the work is ordered on it).
/// Not thread-safe: a thread takes its own with `another`, which shares the plan.
class TensorRTInfer {
 public:
  /// Opens a plan that the caller trusts: a plan can hold code. Throws Error(not_found),
  /// Error(mismatch) when it was built for another GPU or TensorRT, Error(unavailable) where there
  /// is no GPU or TensorRT.
  explicit TensorRTInfer(const std::filesystem::path& plan, int device = 0);
  /// Builds `config.onnx`, or takes the plan from the store. Throws as Backend::build.
  explicit TensorRTInfer(const EngineConfig& config);
  TensorRTInfer(TensorRTInfer&&) noexcept;
  TensorRTInfer& operator=(TensorRTInfer&&) noexcept;
  ~TensorRTInfer();

  [[nodiscard]] TensorRTInfer another() const;
  [[nodiscard]] Engine& engine() const { return *engine_; }

  /// Runs a batch of any size from the profiles' least on; one above their largest is split. Throws
  /// Error(usage) on a view that does not fit, naming it.
  void infer(std::span<const TensorView> inputs, std::span<const TensorView> outputs);

 private:
  explicit TensorRTInfer(std::shared_ptr<Engine> engine);
  std::shared_ptr<Engine> engine_;
  std::unique_ptr<Context> context_;
};

}  // namespace caft
