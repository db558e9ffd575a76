// The numbers of an ONNX TensorProto, wherever the file keeps them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace caft::onnx {
class TensorProto;
}

namespace caft {

/// A tensor's shape and packed little-endian bytes. `type` is onnx::TensorProto::DataType.
struct TensorData {
  int type = 0;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;
};

/// Number of elements. Throws Error(bad_input) naming `tensor` on a negative size or a product over
/// 2^40.
std::uint64_t element_count(const onnx::TensorProto& tensor);

/// Bytes of the tensor's data. Throws Error(bad_input) on a type without a fixed whole-byte size.
std::uint64_t byte_count(const onnx::TensorProto& tensor);

/// Checks that the tensor's data are all there, without copying them: sizes of raw_data and typed
/// fields, and the external file's path and range. Throws as `resolve_external` and `byte_count`.
void check_tensor(const onnx::TensorProto& tensor, const std::filesystem::path& folder);

/// Reads a tensor from raw_data, its typed field or external data under `folder`; checks as above.
TensorData read_tensor(const onnx::TensorProto& tensor, const std::filesystem::path& folder);

/// Values of a float, double, float16 or bfloat16 tensor. Throws Error(bad_input) on other types.
std::vector<float> to_floats(const TensorData& data);

/// Values of an integer or bool tensor. Throws Error(bad_input) on other types and on unsigned
/// 64-bit values beyond 2^63.
std::vector<std::int64_t> to_integers(const TensorData& data);

/// Whether the type is one that `to_floats` reads.
bool is_float_type(int type) noexcept;

}  // namespace caft
