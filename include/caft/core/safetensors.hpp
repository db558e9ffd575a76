// The safetensors format: named tensors behind a JSON header, readable without executing anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "caft/core/dtype.hpp"
#include "caft/core/file.hpp"

namespace caft {

/// One tensor of an open file.
struct SafeTensorInfo {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::uint64_t> shape;  ///< empty for a scalar
  std::uint64_t offset = 0;          ///< absolute, in the file
  std::uint64_t bytes = 0;           ///< product(shape) * size_of(dtype)
};

/// Reads a safetensors file (https://github.com/huggingface/safetensors, "Format"). The whole
/// header is checked before any tensor is touched: its size is at most 100 MB and lies in the file,
/// its JSON is valid and names nothing twice, and the tensors' bytes agree with their shapes, do
/// not overlap, leave no hole and end exactly at the file's end. Safe to read from many threads.
class SafeTensorsFile {
 public:
  /// Throws Error(not_found), Error(bad_input: malformed) or Error(io).
  static SafeTensorsFile open(const std::filesystem::path& path);

  /// The header's `__metadata__`.
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// All tensors, in the order of their bytes.
  [[nodiscard]] const std::vector<SafeTensorInfo>& tensors() const { return tensors_; }
  /// Throws Error(bad_input) naming the file and the tensor when it is missing.
  [[nodiscard]] const SafeTensorInfo& tensor(std::string_view name) const;
  [[nodiscard]] bool contains(std::string_view name) const;

  /// The tensor's bytes, row-major little-endian. Throws Error(bad_input) or Error(io).
  [[nodiscard]] std::vector<std::byte> read(std::string_view name) const;
  /// The tensor's values as f32. Throws Error(bad_input) when it is neither f32 nor f16.
  [[nodiscard]] std::vector<float> read_f32(std::string_view name) const;

  [[nodiscard]] const File& file() const { return file_; }
  /// Bytes before the first tensor: the eight of the length, and the JSON with its padding.
  [[nodiscard]] std::uint64_t header_bytes() const { return header_bytes_; }

 private:
  explicit SafeTensorsFile(File file);
  void parse_header();

  File file_;
  std::uint64_t header_bytes_ = 0;
  std::map<std::string, std::string> metadata_;
  std::vector<SafeTensorInfo> tensors_;
};

/// What a tensor to be written is.
struct SafeTensorSpec {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::uint64_t> shape;
};

/// The file's first bytes: the length (u64, little-endian) and the JSON, padded with spaces so that
/// the tensors start 64-byte aligned. The tensors follow in the order of `specs`, without holes.
/// Throws Error(bad_input) on a name given twice or text that is not UTF-8.
std::string safetensors_header(const std::vector<SafeTensorSpec>& specs,
                               const std::map<std::string, std::string>& metadata = {});

/// Publishes a safetensors file: temporary file in the same folder, write, fsync, rename over,
/// fsync of the folder. `data[i]` are the bytes of `specs[i]`. Throws Error(bad_input) when sizes
/// disagree, Error(io) otherwise.
void write_safetensors(const std::filesystem::path& path, const std::vector<SafeTensorSpec>& specs,
                       const std::vector<std::span<const std::byte>>& data,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace caft
