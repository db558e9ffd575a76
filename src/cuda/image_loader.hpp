// Encoded images to a batch of preprocessed pixels in GPU memory. No CUDA type appears here: the
// class is in libcaft_cuda, opened at need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "caft/image/image.hpp"
#include "caft/image/preprocess.hpp"
#include "image/jpeg_probe.hpp"

namespace caft::cuda {

enum class JpegBackend : std::uint8_t {
  automatic,  ///< hardware where the GPU has it, else hybrid
  hardware,   ///< the GPU's JPEG engines; what they do not support goes to hybrid, image by image
  hybrid,     ///< Huffman decoding on the GPU or the CPU, the rest in kernels
};

struct ImageLoaderOptions {
  int device = 0;
  int batch = 1;  ///< slots
  Preprocessing spec;
  JpegBackend backend = JpegBackend::automatic;
  /// What decoded pixels on their way to their slots may take, and what nvJPEG may take for itself.
  /// A batch whose images need more is decoded in several steps.
  std::size_t pixel_memory = std::size_t{512} << 20;
  std::size_t decoder_memory = std::size_t{2048} << 20;
};

/// Bytes of GPU memory that decoding one image takes, besides nvJPEG's own: planes and, at most,
/// all of its pixels as RGB.
std::size_t decoding_bytes(const image::JpegInfo& jpeg);

/// One stream of work on one GPU. It takes at most `most_bytes` of GPU memory: its slots,
/// `pixel_memory`, `decoder_memory` and a few megabytes of tables. Memory grows with what the
/// images need and is kept. Not thread-safe; each thread takes its own.
class ImageLoader {
 public:
  /// Something for a slot: a JPEG that probe_jpeg accepted, or pixels that are ready.
  struct Item {
    std::size_t slot = 0;
    std::span<const std::byte> file;
    image::JpegInfo jpeg;                  ///< of `file`
    std::span<const std::uint8_t> pixels;  ///< [height, width, 3], where `file` is empty
  };

  virtual ~ImageLoader() = default;

  /// u8 [batch, height, width, 3] on the device: resized and cropped, not normalised (the engine
  /// does that itself, as it does for pixels from the CPU).
  [[nodiscard]] virtual std::uint8_t* images() const = 0;
  /// The stream (cudaStream_t) on which the images are made.
  [[nodiscard]] virtual void* stream() const = 0;

  /// Fills the items' slots and returns when they are filled. Gives back the positions in `items`
  /// of JPEGs that the GPU did not take, whose slots are undefined: damaged, or of a kind, size or
  /// shape that it cannot decode here. The caller decodes those on the CPU and loads the pixels.
  /// Throws Error(unavailable) when the GPU fails.
  virtual std::vector<std::size_t> load(std::span<const Item> items) = 0;

  /// Resizes and crops decoded images into the slots from the first one on: what resize_and_crop
  /// does, bit for bit. For tests and measurements. Throws Error(bad_input) on an image that the
  /// kernel cannot take.
  virtual void resize(std::span<const Image> images) = 0;

  /// Does the last `resize` again with the pixels that are on the GPU already, for measurements.
  virtual void resize_again() = 0;

  /// Decodes `items` without resizing them, for measurements; returns as `load` does.
  virtual std::vector<std::size_t> decode_only(std::span<const Item> items) = 0;

  /// Copies a slot to host memory of height * width * 3 bytes.
  virtual void download(std::size_t slot, std::span<std::uint8_t> pixels) const = 0;

  /// "nvJPEG 13.3 hardware" or "nvJPEG 13.3 hybrid".
  [[nodiscard]] virtual std::string decoder() const = 0;
  [[nodiscard]] virtual std::size_t bytes() const = 0;  ///< of GPU memory, now
  [[nodiscard]] virtual std::size_t most_bytes() const = 0;
};

/// Opens libcaft_cuda at need. Throws Error(unavailable) where that, the GPU or (when it is asked
/// for) the hardware decoder is missing.
std::unique_ptr<ImageLoader> open_image_loader(const ImageLoaderOptions& options);

}  // namespace caft::cuda
