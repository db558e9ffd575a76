// Preprocessing specifications as JSON, checked field by field.
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "caft/core/error.hpp"
#include "caft/image/preprocess.hpp"

namespace caft {
namespace {

constexpr int kMaxSide = 4096;

[[noreturn]] void fail(const char* field, const std::string& want) {
  throw Error(ErrorKind::bad_input, fmt::format("preprocessing: \"{}\" must be {}", field, want));
}

const nlohmann::json& member(const nlohmann::json& json, const char* field, const char* want) {
  const auto found = json.find(field);
  if (found == json.end()) fail(field, fmt::format("given: {}", want));
  return *found;
}

int read_side(const nlohmann::json& json, const char* field) {
  const std::string want = fmt::format("a whole number from 1 to {}", kMaxSide);
  const nlohmann::json& value = member(json, field, want.c_str());
  const bool fits = value.is_number_integer() &&
                    (value.is_number_unsigned() ? value.get<std::uint64_t>() <= kMaxSide
                                                : value.get<std::int64_t>() <= kMaxSide) &&
                    value.get<std::int64_t>() >= 1;
  if (!fits) fail(field, want);
  return value.get<int>();
}

std::string read_choice(const nlohmann::json& json, const char* field, const char* first,
                        const char* second) {
  const std::string want = second == nullptr ? fmt::format("\"{}\"", first)
                                             : fmt::format("\"{}\" or \"{}\"", first, second);
  const nlohmann::json& value = member(json, field, want.c_str());
  if (!value.is_string() || (value != first && (second == nullptr || value != second))) {
    fail(field, want);
  }
  return value.get<std::string>();
}

std::array<float, 3> read_channels(const nlohmann::json& json, const char* field, bool positive) {
  const char* want = positive ? "three finite numbers above 0" : "three finite numbers";
  const nlohmann::json& value = member(json, field, want);
  if (!value.is_array() || value.size() != 3) fail(field, want);
  std::array<float, 3> channels{};
  for (std::size_t i = 0; i < 3; ++i) {
    if (!value[i].is_number()) fail(field, want);
    channels[i] = value[i].get<float>();
    if (!std::isfinite(channels[i]) || (positive && channels[i] <= 0)) fail(field, want);
  }
  return channels;
}

bool read_bool(const nlohmann::json& json, const char* field) {
  const nlohmann::json& value = member(json, field, "true or false");
  if (!value.is_boolean()) fail(field, "true or false");
  return value.get<bool>();
}

/// The shortest decimal that reads back as the same float, as a double: 0.485, not
/// 0.48500001430511.
double shortest(float value) { return std::stod(fmt::format("{}", value)); }

}  // namespace

nlohmann::json to_json(const Preprocessing& spec) {
  const auto channels = [](const std::array<float, 3>& values) {
    return nlohmann::json::array({shortest(values[0]), shortest(values[1]), shortest(values[2])});
  };
  return {
      {"resize_mode", spec.mode == ResizeMode::exact ? "exact" : "short_side"},
      {"resize", spec.resize},
      {"height", spec.height},
      {"width", spec.width},
      {"interpolation", spec.interpolation == Interpolation::bicubic ? "bicubic" : "bilinear"},
      {"antialias", true},
      {"mean", channels(spec.mean)},
      {"std", channels(spec.std)},
      {"color", "RGB"},
      {"exif_orientation", spec.exif_orientation},
  };
}

Preprocessing preprocessing_from_json(const nlohmann::json& json) {
  if (!json.is_object()) throw Error(ErrorKind::bad_input, "preprocessing: not a JSON object");
  static constexpr std::string_view kFields[] = {
      "resize_mode", "resize", "height", "width", "interpolation",
      "antialias",   "mean",   "std",    "color", "exif_orientation"};
  for (const auto& item : json.items()) {
    if (std::find(std::begin(kFields), std::end(kFields), item.key()) == std::end(kFields)) {
      throw Error(ErrorKind::bad_input,
                  fmt::format("preprocessing: unknown field \"{}\"", item.key()));
    }
  }
  Preprocessing spec;
  spec.mode = read_choice(json, "resize_mode", "short_side", "exact") == "exact"
                  ? ResizeMode::exact
                  : ResizeMode::short_side;
  spec.resize = read_side(json, "resize");
  spec.height = read_side(json, "height");
  spec.width = read_side(json, "width");
  spec.interpolation = read_choice(json, "interpolation", "bilinear", "bicubic") == "bicubic"
                           ? Interpolation::bicubic
                           : Interpolation::bilinear;
  if (!read_bool(json, "antialias")) fail("antialias", "true: caft always filters when it shrinks");
  spec.mean = read_channels(json, "mean", false);
  spec.std = read_channels(json, "std", true);
  read_choice(json, "color", "RGB", nullptr);
  spec.exif_orientation = read_bool(json, "exif_orientation");
  return spec;
}

}  // namespace caft
