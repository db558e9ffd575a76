// The images of caft validate, through the engine and into a file for the reference.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "caft/core/safetensors.hpp"
#include "caft/data/dataset.hpp"
#include "caft/extract/backbone.hpp"
#include "engine/agreement.hpp"

namespace caft::cli {

/// What is tested: an engine and how to feed it. A plain ONNX file has no golden sample.
struct Subject {
  Backbone backbone;
  std::string output;
  Top1 top1 = Top1::nearest;
};

/// One output of the engine, collected batch by batch.
class EngineRows {
 public:
  explicit EngineRows(const Subject& subject);
  [[nodiscard]] std::size_t most() const;
  /// `pixels` u8 [count, height, width, 3], count at most `most()`.
  void append(std::uint8_t* pixels, std::size_t count);

  std::vector<float> values;

 private:
  const Subject& subject_;
  std::unique_ptr<Context> context_;
};

/// At most `limit` (0: all) of the images, evenly spread.
std::vector<ImageSource> choose_images(const std::vector<std::filesystem::path>& paths,
                                       std::size_t limit);

/// Runs `sources` through the engine, a batch in memory at a time, and leaves their pixels in
/// `file` (safetensors: images u8 [N, H, W, 3]). An image that cannot be read ends the run: fewer
/// than were named would mislead.
void run_images(std::span<const ImageSource> sources, const Subject& subject,
                const std::filesystem::path& file, EngineRows& engine);

/// The same for the card's own sample. Throws Error(usage) when it has another image size.
void run_golden(const Subject& subject, const SafeTensorsFile& golden, EngineRows& engine);

}  // namespace caft::cli
