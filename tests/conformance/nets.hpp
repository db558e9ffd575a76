// The conformance nets, and runs of batches through an engine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "caft/engine/engine.hpp"

namespace caft::test {

/// Values of a batch, row-major; `shape` counts the rows first.
struct Batch {
  std::vector<float> values;
  std::vector<std::int64_t> shape;

  [[nodiscard]] std::int64_t rows() const { return shape.front(); }
  [[nodiscard]] std::size_t row_size() const {
    return values.size() / static_cast<std::size_t>(rows());
  }
  [[nodiscard]] Batch slice(std::int64_t first, std::int64_t count) const;
};

/// A net's path among those that make_nets.py wrote.
std::filesystem::path net(const std::string& name);
/// A tensor of NAME.safetensors: the recorded images or onnxruntime's outputs.
Batch recorded(const std::string& name, const std::string& tensor);

/// One f32 output of one batch of f32 images.
Batch run(Context& context, const Engine& engine, const Batch& images,
          const std::string& output = "features");

/// Largest difference as a part of the largest expected value.
double relative_error(std::span<const float> expected, std::span<const float> actual);

}  // namespace caft::test
