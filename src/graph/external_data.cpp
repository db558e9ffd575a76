#include "graph/external_data.hpp"

#include <charconv>
#include <optional>
#include <string_view>

#include "caft/core/error.hpp"
#include "caft_onnx.pb.h"

namespace caft {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void reject(const onnx::TensorProto& tensor, const std::string& why) {
  throw Error(ErrorKind::bad_input, "external data of tensor '" + tensor.name() + "' " + why);
}

std::string_view entry(const onnx::TensorProto& tensor, std::string_view key) {
  for (const auto& pair : tensor.external_data()) {
    if (pair.key() == key) return pair.value();
  }
  return {};
}

std::optional<std::uint64_t> number(const onnx::TensorProto& tensor, std::string_view key) {
  const std::string_view text = entry(tensor, key);
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    reject(tensor, "has " + std::string(key) + " '" + std::string(text) + "', not a number");
  }
  return value;
}

/// Every component is looked at, so that no link leads out of the folder.
fs::path safe_path(const onnx::TensorProto& tensor, const fs::path& folder) {
  const std::string location(entry(tensor, "location"));
  const fs::path relative(location);
  if (location.empty() || location.find('\0') != std::string::npos) {
    reject(tensor, "names no file");
  }
  if (relative.is_absolute()) reject(tensor, "has the absolute location '" + location + "'");
  fs::path file = folder;
  for (const fs::path& part : relative) {
    if (part == "..") reject(tensor, "leaves the folder: '" + location + "'");
    file /= part;
    std::error_code error;
    const fs::file_status status = fs::symlink_status(file, error);
    if (status.type() == fs::file_type::not_found) {
      throw Error(
          ErrorKind::not_found,
          "external data " + file.string() + " of tensor '" + tensor.name() + "' is missing",
          "put it beside the ONNX file");
    }
    if (fs::is_symlink(status)) reject(tensor, "goes through the symbolic link " + file.string());
  }
  std::error_code error;
  if (!fs::is_regular_file(file, error)) reject(tensor, "is not a regular file: " + file.string());
  return file;
}

}  // namespace

ExternalRange resolve_external(const onnx::TensorProto& tensor, const fs::path& folder,
                               std::uint64_t bytes) {
  ExternalRange range{safe_path(tensor, folder), number(tensor, "offset").value_or(0), bytes};
  if (const auto length = number(tensor, "length"); length && *length != bytes) {
    reject(tensor,
           "has length " + std::to_string(*length) + ", its shape needs " + std::to_string(bytes));
  }
  const std::uint64_t size = fs::file_size(range.file);
  if (range.offset > size || bytes > size - range.offset) {
    reject(tensor,
           "ends beyond its file " + range.file.string() + " (" + std::to_string(size) + " bytes)");
  }
  return range;
}

}  // namespace caft
