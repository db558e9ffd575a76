#include "engine/precision.hpp"

#include <array>
#include <utility>

#include "caft/core/error.hpp"

namespace caft {
namespace {

constexpr std::array<std::pair<Precision, std::string_view>, 5> names{{
    {Precision::automatic, "auto"},
    {Precision::fp32, "fp32"},
    {Precision::fp16, "fp16"},
    {Precision::bf16, "bf16"},
    {Precision::int8, "int8"},
}};

}  // namespace

std::string_view to_string(Precision precision) noexcept {
  for (const auto& [value, name] : names) {
    if (value == precision) return name;
  }
  return "?";
}

Precision precision_from_string(std::string_view name) {
  for (const auto& [value, text] : names) {
    if (text == name) return value;
  }
  throw Error(ErrorKind::usage, "unknown precision '" + std::string(name) + "'",
              "use auto, fp32, fp16, bf16 or int8");
}

Precision choose_precision(Precision requested, bool quantized, const PrecisionSupport& support,
                           std::string_view backend, const std::filesystem::path& onnx) {
  const std::string wanted(to_string(requested));
  if (quantized) {
    if (requested == Precision::automatic || requested == Precision::int8) return Precision::int8;
    throw Error(ErrorKind::usage,
                "precision " + wanted + " was asked for, but " + onnx.string() +
                    " holds QuantizeLinear nodes",
                "use int8 or auto, or give the float ONNX file");
  }
  if (requested == Precision::int8) {
    throw Error(
        ErrorKind::usage,
        "precision int8 needs an ONNX file with QuantizeLinear and DequantizeLinear nodes; " +
            onnx.string() + " has none",
        "quantize it first, or use auto");
  }
  if ((requested == Precision::bf16 && !support.bf16) ||
      (requested == Precision::fp16 && !support.fp16)) {
    throw Error(
        ErrorKind::usage,
        "precision " + wanted + " is not offered by " + std::string(backend) + " on this device",
        support.bf16 ? "use fp32, bf16 or auto" : "use fp32 or auto");
  }
  if (requested == Precision::automatic) {
    return support.bf16 ? Precision::bf16 : Precision::fp32;
  }
  return requested;
}

}  // namespace caft
