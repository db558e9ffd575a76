// The one preprocessing: resize, centre crop, normalise, equal to torchvision's PIL pipeline.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "caft/image/image.hpp"

namespace caft {

enum class Interpolation : std::uint8_t { bilinear, bicubic };

enum class ResizeMode : std::uint8_t {
  short_side,  ///< torchvision Resize(int): the shorter side becomes `resize`, ratio kept
  exact,       ///< torchvision Resize((h, w)): straight to height x width, ratio not kept
};

/// A backbone's preprocessing, whole: what it does to pixels is determined by these fields alone,
/// so that they can stand in a cache's fingerprint.
struct Preprocessing {
  ResizeMode mode = ResizeMode::short_side;
  int resize = 256;  ///< shorter side after Resize, pixels; ignored when mode is exact
  int height = 224;  ///< after CenterCrop (short_side) or Resize (exact), pixels
  int width = 224;
  Interpolation interpolation = Interpolation::bilinear;
  std::array<float, 3> mean{0.485F, 0.456F, 0.406F};  ///< of channels R, G, B scaled to [0, 1]
  std::array<float, 3> std{0.229F, 0.224F, 0.225F};
  bool exif_orientation = false;

  bool operator==(const Preprocessing&) const = default;
};

/// JSON: {"resize_mode": "short_side"|"exact", "resize", "height", "width", "interpolation":
/// "bilinear"|"bicubic", "antialias": true, "mean": [3], "std": [3], "color": "RGB",
/// "exif_orientation"}. Reading throws Error(bad_input) naming the field; antialias false and
/// colour orders other than RGB are refused, since no catalogue backbone uses them.
nlohmann::json to_json(const Preprocessing& spec);
Preprocessing preprocessing_from_json(const nlohmann::json& json);

/// Resizes and crops into `out`, [height, width, 3] u8 (NHWC without N), which must have exactly
/// that many bytes. Bit-equal to Pillow's Image.resize (antialiased, 8-bit fixed point) followed by
/// torchvision's CenterCrop, which pads with zeros where the image is smaller than the crop.
/// Thread-safe. Throws Error(usage) on a wrong output size, Error(bad_input) on an image so long
/// and thin that its filters and rows would take more than 256 MiB.
void resize_and_crop(const Image& image, const Preprocessing& spec, std::span<std::uint8_t> out);

/// (x / 255 - mean) / std into [3, height, width] f32 (CHW), for engines that do not do it inside.
void normalize_to_chw(std::span<const std::uint8_t> hwc, const Preprocessing& spec,
                      std::span<float> out);

}  // namespace caft
