// An ONNX file: reading and checking it, and the surgery done on it for engines.
#include "caft/core/error.hpp"
#include "graph/onnx_model.hpp"
#include "graph/rewrite.hpp"
#include "target.hpp"

void caft::fuzz::parse(std::span<const std::byte> input) {
  const OnnxModel model = OnnxModel::load(as_file(input, "input.onnx"), std::uint64_t{1} << 24);
  (void)model.inputs();
  (void)model.outputs();
  (void)model.operators();
  (void)model.is_quantized();
  (void)model.external_files();
  (void)rewrite_graph(model, {});
  // What cannot be normalised may still be made half, so one refusal must not hide the other.
  try {
    (void)rewrite_graph(model, {.normalization = InputNormalization{{0.5F, 0.5F, 0.5F}, {1, 1, 1}},
                                .image_size = {{48, 40}}});
  } catch (const Error&) {
  }
  (void)rewrite_graph(model, {.half = true});
}
