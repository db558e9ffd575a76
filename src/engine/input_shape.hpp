// The shape that an engine gives an input of an ONNX file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "caft/engine/engine.hpp"
#include "graph/onnx_model.hpp"

namespace caft {

/// `input`'s shape with -1 for the batch and `config.image_size`, when given, as the last two of
/// four sizes. Throws Error(bad_input) on an input without a batch dimension and Error(usage) on a
/// fixed batch that the range does not match, an image size for something that is not an image, or
/// a size that is still open.
std::vector<std::int64_t> input_shape(const OnnxValue& input, const EngineConfig& config);

/// Throws Error(usage) unless the inputs are one f32 image batch [batch, 3, height, width], which a
/// normalisation inside the engine needs.
void check_normalizable(const std::vector<OnnxValue>& inputs, const EngineConfig& config);

/// Throws Error unless `shape` is an output of `config.batch.opt` rows with every size known: a
/// graph with sizes baked into it can turn images into rows without complaint.
void check_output_shape(const std::string& output, const std::vector<std::int64_t>& shape,
                        const EngineConfig& config);

}  // namespace caft
