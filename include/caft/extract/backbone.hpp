// An opened backbone: its card, and an engine that was checked against the golden sample.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "caft/data/dataset.hpp"
#include "caft/engine/engine.hpp"
#include "caft/zoo/card.hpp"

namespace caft {

struct BackboneOptions {
  std::string backend;  ///< "openvino", "reference"; empty: the fastest that this machine has
  Precision precision = Precision::automatic;
  int image_size = 0;   ///< square crop in pixels, 0: the card's; Resize scales with it
  bool squash = false;  ///< resize straight to the image size: the whole image, ratio not kept
  bool exif_orientation = false;
  int batch = 0;    ///< images a request; 0: 16 on a CPU, 256 on a GPU
  int threads = 0;  ///< 0: every core this process may use
  bool latency = false;
  int device = 0;                        ///< which GPU
  std::vector<int> more_devices;         ///< further GPUs, each with an engine of its own
  PlanOptions plan;                      ///< for engines compiled ahead of time (TensorRT)
  std::vector<ImageSource> calibration;  ///< int8 of a float ONNX file: real images for its ranges
  int calibration_batch = 32;
};

/// A frozen feature extractor, ready to run. Thread-safe as its engine is.
struct Backbone {
  BackboneCard card;
  Preprocessing preprocessing;  ///< the card's, with the options applied
  std::shared_ptr<Engine>
      engine;  ///< input u8 NHWC `images`, output f32 `features` [N, feature_dim]
  /// The same network on the further GPUs of BackboneOptions::more_devices; extraction
  /// uses all of them.
  std::vector<std::shared_ptr<Engine>> replicas;
  std::string backend;
  /// Least cosine over the golden sample's rows, after subtracting their mean, against PyTorch's
  /// fp32 features. 1 when the preprocessing size differs from the card's, where no golden sample
  /// fits. Over all of the engines.
  double golden_cosine = 1;
};

/// What an engine of `backend` is built for: requests of up to `asked` images, or what keeps its
/// device busy where that is 0.
BatchRange engine_batch(std::string_view backend, int asked);

/// The least golden cosine that an engine of this precision must reach: fp32 0.9999, fp16 and bf16
/// 0.95, int8 0.9. Golden images are synthetic and harsher than photographs, on which bf16 reaches
/// 0.99; with swapped colour channels every backbone of the catalogue falls below 0.
double golden_threshold(Precision precision);

/// Opens `name_or_card` (a name in the store, or a path to a card.json): checks the ONNX file's
/// hash, builds the engine, runs the golden sample. Throws Error(mismatch) when hash or golden
/// features disagree, and whatever the store and the engine throw.
Backbone open_backbone(const std::string& name_or_card, const BackboneOptions& options = {});

/// Runs `count` images, u8 [count, height, width, 3], through one of the backbone's contexts into
/// `features`, f32 [count, feature_dim].
void run_batch(const Backbone& backbone, Context& context, std::uint8_t* images, float* features,
               std::size_t count);

}  // namespace caft
