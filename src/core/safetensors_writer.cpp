#include <nlohmann/json.hpp>
#include <set>

#include "caft/core/error.hpp"
#include "caft/core/safetensors.hpp"
#include "core/pending_file.hpp"

namespace caft {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kAlignment = 64;

std::uint64_t bytes_of(const SafeTensorSpec& spec) {
  std::uint64_t bytes = size_of(spec.dtype);
  for (const std::uint64_t extent : spec.shape) bytes *= extent;
  return bytes;
}

}  // namespace

std::string safetensors_header(const std::vector<SafeTensorSpec>& specs,
                               const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::set<std::string> names{"__metadata__"};
  std::uint64_t offset = 0;
  for (const SafeTensorSpec& spec : specs) {
    if (!names.insert(spec.name).second)
      throw Error(ErrorKind::bad_input, "tensor name '" + spec.name + "' is given twice");
    const std::uint64_t end = offset + bytes_of(spec);
    header[spec.name] = {
        {"dtype", to_string(spec.dtype)}, {"shape", spec.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorKind::bad_input, "a tensor's name or metadata is not UTF-8");
  }
  text.append((kAlignment - (kLengthBytes + text.size()) % kAlignment) % kAlignment, ' ');

  std::string first;
  first.reserve(kLengthBytes + text.size());
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    first.push_back(static_cast<char>(text.size() >> (8 * i) & 0xff));
  return first + text;
}

void write_safetensors(const std::filesystem::path& path, const std::vector<SafeTensorSpec>& specs,
                       const std::vector<std::span<const std::byte>>& data,
                       const std::map<std::string, std::string>& metadata) {
  if (specs.size() != data.size())
    throw Error(ErrorKind::bad_input, path.string() + ": tensors and their data differ in number");
  for (std::size_t i = 0; i < specs.size(); ++i)
    if (bytes_of(specs[i]) != data[i].size())
      throw Error(ErrorKind::bad_input, path.string() + ": tensor '" + specs[i].name + "' has " +
                                            std::to_string(data[i].size()) + " bytes, its shape " +
                                            std::to_string(bytes_of(specs[i])));
  const std::string header = safetensors_header(specs, metadata);
  PendingFile file(path);
  file.write(std::as_bytes(std::span(header)));
  for (const std::span<const std::byte> bytes : data) file.write(bytes);
  file.sync();
  file.publish_over();
}

}  // namespace caft
