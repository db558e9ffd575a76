// Opening the GPU's image loader, and what must be known of it before it is opened.
#include "cuda/image_loader.hpp"

#include "core/plugin.hpp"
#include "cuda/plane_layout.hpp"

namespace caft::cuda {

std::size_t decoding_bytes(const image::JpegInfo& jpeg) {
  return bytes_of(make_plane(jpeg.width, jpeg.height)) + 2 * bytes_of(make_color_plane(jpeg)) +
         rgb_bytes(jpeg.width, jpeg.height);
}

std::unique_ptr<ImageLoader> open_image_loader(const ImageLoaderOptions& options) {
  using Maker = ImageLoader* (*)(const ImageLoaderOptions&);
  const auto make = reinterpret_cast<Maker>(plugin_symbol("caft_cuda", "caft_cuda_image_loader"));
  return std::unique_ptr<ImageLoader>(make(options));
}

}  // namespace caft::cuda
