// The reference engine: an ONNX graph interpreted on one thread a context.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "caft/engine/engine.hpp"
#include "engine/reference/graph.hpp"

namespace caft::reference {

/// See reference_backend().
class ReferenceEngine final : public Engine {
 public:
  /// Throws as Backend::build.
  explicit ReferenceEngine(const EngineConfig& config);

  [[nodiscard]] const std::vector<TensorInfo>& inputs() const override { return inputs_; }
  [[nodiscard]] const std::vector<TensorInfo>& outputs() const override { return outputs_; }
  [[nodiscard]] BatchRange batch() const override { return config_.batch; }
  [[nodiscard]] Precision precision() const override { return precision_; }
  [[nodiscard]] Device device() const override { return {}; }
  [[nodiscard]] int preferred_contexts() const override;
  [[nodiscard]] std::string description() const override;
  [[nodiscard]] std::unique_ptr<Context> create_context() override;

  /// Runs one checked batch.
  void infer(std::span<const TensorView> inputs, std::span<const TensorView> outputs) const;

 private:
  [[nodiscard]] Tensor read_input(const TensorView& view) const;
  void describe_ports();

  EngineConfig config_;
  Graph graph_;
  Precision precision_;
  std::vector<TensorInfo> inputs_, outputs_;
};

}  // namespace caft::reference
