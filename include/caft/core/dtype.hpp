// Element types of tensors, spelt as the safetensors format spells them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace caft {

enum class DType : std::uint8_t { u8, i8, u16, i32, u64, f16, bf16, f32 };

/// Bytes an element takes.
std::size_t size_of(DType type) noexcept;

/// "F32", "F16", "BF16", "U8" …: safetensors' name of the type.
std::string_view to_string(DType type) noexcept;

/// Reads a safetensors name. Throws Error(bad_input) on any other text.
DType dtype_from_string(std::string_view name);

/// IEEE 754 binary16 conversions, round to nearest even. Values beyond ±65504 become infinities.
std::uint16_t float_to_half(float value) noexcept;
float half_to_float(std::uint16_t bits) noexcept;

/// The same for `count` values, vectorised (F16C) where the CPU has it.
void float_to_half(const float* from, std::uint16_t* to, std::size_t count) noexcept;
void half_to_float(const std::uint16_t* from, float* to, std::size_t count) noexcept;

}  // namespace caft
