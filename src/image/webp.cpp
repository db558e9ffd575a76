// WebP decoding with libwebp: lossy, lossless, alpha, and the first frame of an animation.
#include <cstring>
#include <memory>
#include <utility>

#include <webp/decode.h>
#include <webp/demux.h>

#include "image/decoders.hpp"
#include "image/exif.hpp"
#include "image/orient.hpp"

namespace caft::image {
namespace {

constexpr std::string_view kFormat = "WebP";

const std::uint8_t* data(Bytes file) { return reinterpret_cast<const std::uint8_t*>(file.data()); }

[[noreturn]] void fail_webp(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      fail(kFormat, "truncated");
    case VP8_STATUS_OUT_OF_MEMORY:
      fail(kFormat, "not enough memory");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      fail(kFormat, "uses a feature that libwebp lacks");
    default:
      fail(kFormat, "corrupt");
  }
}

void decode_still(Bytes file, Image& image) {
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) fail(kFormat, "libwebp's version does not match");
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = image.pixels.data();
  config.output.u.RGBA.stride = image.width * 3;
  config.output.u.RGBA.size = image.pixels.size();
  const VP8StatusCode status = WebPDecode(data(file), file.size(), &config);
  if (status != VP8_STATUS_OK) fail_webp(status);
}

void decode_first_frame(Bytes file, Image& image) {
  WebPAnimDecoderOptions options;
  if (WebPAnimDecoderOptionsInit(&options) == 0) fail(kFormat, "libwebp's version does not match");
  options.color_mode = MODE_RGBA;
  const WebPData bytes{data(file), file.size()};
  const std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)> decoder(
      WebPAnimDecoderNew(&bytes, &options), &WebPAnimDecoderDelete);
  WebPAnimInfo info;
  std::uint8_t* rgba = nullptr;
  int timestamp = 0;
  if (!decoder || WebPAnimDecoderGetInfo(decoder.get(), &info) == 0 ||
      info.canvas_width != static_cast<std::uint32_t>(image.width) ||
      info.canvas_height != static_cast<std::uint32_t>(image.height) ||
      WebPAnimDecoderGetNext(decoder.get(), &rgba, &timestamp) == 0) {
    fail(kFormat, "animation is truncated or corrupt");
  }
  for (std::size_t i = 0; i < image.pixels.size() / 3; ++i) {
    std::memcpy(&image.pixels[i * 3], rgba + i * 4, 3);
  }
}

int orientation(Bytes file) {
  const WebPData bytes{data(file), file.size()};
  const std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)> demuxer(WebPDemux(&bytes),
                                                                         &WebPDemuxDelete);
  WebPChunkIterator chunk;
  if (!demuxer || WebPDemuxGetChunk(demuxer.get(), "EXIF", 1, &chunk) == 0) return 1;
  const int value =
      exif_orientation({reinterpret_cast<const std::byte*>(chunk.chunk.bytes), chunk.chunk.size});
  WebPDemuxReleaseChunkIterator(&chunk);
  return value;
}

}  // namespace

Image decode_webp(Bytes file, const DecodeOptions& options) {
  WebPBitstreamFeatures features;
  const VP8StatusCode status = WebPGetFeatures(data(file), file.size(), &features);
  if (status != VP8_STATUS_OK) fail_webp(status);
  check_size(kFormat, static_cast<std::uint64_t>(features.width),
             static_cast<std::uint64_t>(features.height), options.limits);
  Image image = make_image(static_cast<std::uint64_t>(features.width),
                           static_cast<std::uint64_t>(features.height));
  if (features.has_animation != 0) {
    decode_first_frame(file, image);
  } else {
    decode_still(file, image);
  }
  return apply_orientation(std::move(image), options.exif_orientation ? orientation(file) : 1);
}

}  // namespace caft::image
