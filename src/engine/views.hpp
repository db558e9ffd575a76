// Checking the views given to Context::infer against what the engine says of itself.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "caft/engine/engine.hpp"

namespace caft {

/// The views of one batch in the engine's own order of inputs and outputs.
struct BoundBatch {
  std::int64_t rows = 0;
  std::vector<const TensorView*> inputs, outputs;
};

/// Finds each input and output by name and checks name, dtype, shape, batch size, device, packing
/// and null pointers. Throws Error(usage) naming the view that does not fit and what would.
BoundBatch bind_views(const Engine& engine, std::span<const TensorView> inputs,
                      std::span<const TensorView> outputs);

/// Runs a batch of any size from the engine's least on, one above its largest in parts.
void infer_any_batch(const Engine& engine, Context& context, std::span<const TensorView> inputs,
                     std::span<const TensorView> outputs);

/// "[?, 3, 224, 224]": a shape as people read it; '?' stands for a dynamic batch (-1).
std::string shape_text(std::span<const std::int64_t> shape);

}  // namespace caft
