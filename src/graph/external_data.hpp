// Tensor bytes that an ONNX file keeps in another file, found without leaving its folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace caft::onnx {
class TensorProto;
}

namespace caft {

/// Where the bytes of one tensor lie.
struct ExternalRange {
  std::filesystem::path file;  ///< inside the ONNX file's folder
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// Resolves `tensor`'s external_data entry relative to `folder` (the ONNX file's), for `bytes`
/// bytes of data. Specification: onnx/docs/ExternalData.md. Throws Error(bad_input) naming the
/// tensor on an absolute location, one with "..", a symbolic link, anything but a regular file, an
/// offset or length that does not fit the file or the tensor; Error(not_found) on a missing file.
ExternalRange resolve_external(const onnx::TensorProto& tensor, const std::filesystem::path& folder,
                               std::uint64_t bytes);

}  // namespace caft
