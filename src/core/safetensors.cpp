#include "caft/core/safetensors.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "caft/core/error.hpp"

namespace caft {
namespace {

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the reference implementation's limit
constexpr int kMaxDepth = 4;  // object of objects of arrays; deeper text is not a header

[[noreturn]] void malformed(const std::filesystem::path& path, const std::string& what) {
  throw Error(ErrorKind::bad_input, path.string() + " is not a valid safetensors file: " + what);
}

std::uint64_t little_endian(const std::array<std::byte, kLengthBytes>& bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;)
    value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  return value;
}

// nlohmann keeps the last of two equal keys in silence; the format forbids them.
nlohmann::json parse_strict(const std::string& text, const std::filesystem::path& path) {
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (depth > kMaxDepth) malformed(path, "the header is nested too deeply");
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(value.get<std::string>()).second)
      malformed(path, "the header names '" + value.get<std::string>() + "' twice");
    return true;
  };
  try {
    return nlohmann::json::parse(text, check);
  } catch (const nlohmann::json::exception&) {
    malformed(path, "the header is not valid JSON");
  }
}

std::uint64_t unsigned_number(const nlohmann::json& value, const std::filesystem::path& path,
                              const std::string& tensor) {
  if (!value.is_number_unsigned())
    malformed(path, "tensor '" + tensor + "' has a shape or offset that is no natural number");
  return value.get<std::uint64_t>();
}

std::uint64_t checked_bytes(const SafeTensorInfo& info, const std::filesystem::path& path) {
  std::uint64_t bytes = size_of(info.dtype);
  for (const std::uint64_t extent : info.shape) {
    if (extent != 0 && bytes > std::numeric_limits<std::uint64_t>::max() / extent)
      malformed(path, "the shape of tensor '" + info.name + "' overflows");
    bytes *= extent;
  }
  return bytes;
}

SafeTensorInfo parse_tensor(const std::string& name, const nlohmann::json& entry,
                            std::uint64_t data_start, std::uint64_t data_bytes,
                            const std::filesystem::path& path) {
  if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") ||
      !entry.contains("shape") || !entry.contains("data_offsets") || !entry["dtype"].is_string() ||
      !entry["shape"].is_array() || !entry["data_offsets"].is_array() ||
      entry["data_offsets"].size() != 2)
    malformed(path, "tensor '" + name + "' lacks dtype, shape or data_offsets");
  SafeTensorInfo info;
  info.name = name;
  try {
    info.dtype = dtype_from_string(entry["dtype"].get<std::string>());
  } catch (const Error& error) {
    malformed(path, "tensor '" + name + "': " + error.what());
  }
  for (const auto& extent : entry["shape"])
    info.shape.push_back(unsigned_number(extent, path, name));
  const std::uint64_t begin = unsigned_number(entry["data_offsets"][0], path, name);
  const std::uint64_t end = unsigned_number(entry["data_offsets"][1], path, name);
  if (begin > end || end > data_bytes)
    malformed(path, "tensor '" + name + "' reaches beyond the end of the file");
  info.bytes = checked_bytes(info, path);
  if (info.bytes != end - begin)
    malformed(path, "the shape of tensor '" + name + "' does not fit its bytes");
  info.offset = data_start + begin;
  return info;
}

}  // namespace

SafeTensorsFile::SafeTensorsFile(File file) : file_(std::move(file)) {}

SafeTensorsFile SafeTensorsFile::open(const std::filesystem::path& path) {
  SafeTensorsFile opened(File::open(path));
  opened.parse_header();
  return opened;
}

void SafeTensorsFile::parse_header() {
  const std::filesystem::path& path = file_.path();
  const std::uint64_t file_bytes = file_.size();
  if (file_bytes < kLengthBytes) malformed(path, "it is shorter than eight bytes");
  std::array<std::byte, kLengthBytes> length_bytes{};
  file_.read_at(0, length_bytes);
  const std::uint64_t length = little_endian(length_bytes);
  if (length > kMaxHeaderBytes) malformed(path, "its header claims more than 100 MB");
  if (length > file_bytes - kLengthBytes) malformed(path, "its header is cut short");
  std::string text(length, '\0');
  file_.read_at(kLengthBytes, std::as_writable_bytes(std::span(text)));
  if (text.empty() || text.front() != '{') malformed(path, "its header does not begin with '{'");
  const nlohmann::json header = parse_strict(text, path);

  header_bytes_ = kLengthBytes + length;
  const std::uint64_t data_bytes = file_bytes - header_bytes_;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) malformed(path, "__metadata__ is not an object");
      for (const auto& [key, value] : entry.items()) {
        if (!value.is_string()) malformed(path, "metadata '" + key + "' is not text");
        metadata_[key] = value.get<std::string>();
      }
    } else {
      tensors_.push_back(parse_tensor(name, entry, header_bytes_, data_bytes, path));
    }
  }
  // Ties are empty tensors: those sort before the one that has the bytes.
  std::sort(tensors_.begin(), tensors_.end(), [](const auto& a, const auto& b) {
    return std::pair(a.offset, a.bytes) < std::pair(b.offset, b.bytes);
  });
  std::uint64_t end = header_bytes_;
  for (const SafeTensorInfo& info : tensors_) {
    if (info.offset != end)
      malformed(path, "tensor '" + info.name + "' overlaps another or leaves a hole");
    end += info.bytes;
  }
  if (end != file_bytes) malformed(path, "bytes after the last tensor");
}

bool SafeTensorsFile::contains(std::string_view name) const {
  return std::any_of(tensors_.begin(), tensors_.end(),
                     [&](const auto& info) { return info.name == name; });
}

const SafeTensorInfo& SafeTensorsFile::tensor(std::string_view name) const {
  for (const SafeTensorInfo& info : tensors_)
    if (info.name == name) return info;
  throw Error(ErrorKind::bad_input,
              file_.path().string() + " has no tensor '" + std::string(name) + "'");
}

std::vector<std::byte> SafeTensorsFile::read(std::string_view name) const {
  const SafeTensorInfo& info = tensor(name);
  std::vector<std::byte> bytes(info.bytes);
  file_.read_at(info.offset, bytes);
  return bytes;
}

std::vector<float> SafeTensorsFile::read_f32(std::string_view name) const {
  const SafeTensorInfo& info = tensor(name);
  if (info.dtype == DType::f32) {
    std::vector<float> values(info.bytes / sizeof(float));
    file_.read_at(info.offset, std::as_writable_bytes(std::span(values)));
    return values;
  }
  if (info.dtype != DType::f16)
    throw Error(ErrorKind::bad_input, file_.path().string() + ": tensor '" + info.name + "' is " +
                                          std::string(to_string(info.dtype)) +
                                          " where F32 or F16 is expected");
  std::vector<std::uint16_t> halves(info.bytes / sizeof(std::uint16_t));
  file_.read_at(info.offset, std::as_writable_bytes(std::span(halves)));
  std::vector<float> values(halves.size());
  half_to_float(halves.data(), values.data(), halves.size());
  return values;
}

}  // namespace caft
