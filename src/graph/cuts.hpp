// Where a backbone can be cut in two: features cached in front, layers trained behind.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/shape_trace.hpp"

namespace caft {

class OnnxModel;

/// A tensor that alone separates the graph's input from its output.
struct Cut {
  std::string name;                  ///< readable and unique: "layer3", "blocks.11"
  std::vector<std::string> aliases;  ///< further names of the same place: "layer3.1"
  std::string tensor;                ///< the ONNX file's name
  std::vector<std::int64_t> shape;   ///< of one image, without the batch
  double macs_before = 0;            ///< multiply-adds an image, up to and with the tensor
  double macs_after = 0;
  std::uint64_t parameters_after =
      0;  ///< floats in the initialisers that only nodes behind, or both sides, read

  /// Share of the multiply-adds before the cut, 0 … 1.
  [[nodiscard]] double share_before() const;
  /// Bytes of one cached image in fp16.
  [[nodiscard]] std::uint64_t cached_bytes() const;
};

/// Every cut of `model`, from input to output: all f32 tensors [batch, …] that lie on each path
/// from an input to an output, but for these themselves. Branches that carry shapes do not count as
/// paths, since what they carry follows from the batch size. Tensors whose first size is not the
/// batch (windows folded into it) are left out: their rows are not images. Throws Error(bad_input)
/// on control flow and on shapes that the trace lacks.
std::vector<Cut> find_cuts(const OnnxModel& model, const ShapeTrace& trace);

/// The cut called `name`: its name, an alias or the tensor's. Throws Error(not_found).
const Cut& choose_cut(const std::vector<Cut>& cuts, const std::string& name);

}  // namespace caft
