// Backbone cards. A card comes from outside: every field and file name is checked before use.
#include <fmt/format.h>

#include <algorithm>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "caft/zoo/card.hpp"
#include "zoo/fields.hpp"
#include "zoo/hash_files.hpp"

namespace caft {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormat = "caft-card-1";
constexpr std::uint64_t kMaxCardBytes = std::uint64_t{1} << 20;
constexpr std::size_t kMaxExternalFiles = 4096;

/// A file of the card's folder that the card names: relative, without "." or "..", no link on the
/// way, so that a card cannot make caft read what lies elsewhere.
fs::path file_inside(const fs::path& folder, const std::string& name, const char* field,
                     const std::string& where) {
  const auto odd = [](unsigned char c) { return c < 0x20 || c == 0x7F || c == '\\'; };
  bool inside = !name.empty() && name.size() <= 1000 && !std::any_of(name.begin(), name.end(), odd);
  for (std::size_t start = 0; inside && start <= name.size();) {
    const std::size_t slash = std::min(name.find('/', start), name.size());
    const std::string_view part = std::string_view(name).substr(start, slash - start);
    inside = !part.empty() && part != "." && part != "..";
    start = slash + 1;
  }
  if (!inside) zoo::bad_field(where, field, "a file's path inside the card's folder");
  fs::path path = folder;
  for (const fs::path& part : fs::path(name)) {
    path /= part;
    std::error_code error;
    const fs::file_status status = fs::symlink_status(path, error);
    if (!fs::exists(status)) {
      throw Error(ErrorKind::not_found,
                  fmt::format("{}: its file {} (field \"{}\") is missing", where, name, field),
                  "export the backbone again");
    }
    if (fs::is_symlink(status)) zoo::bad_field(where, field, "a file, not a symbolic link");
  }
  if (!fs::is_regular_file(fs::symlink_status(path))) {
    zoo::bad_field(where, field, "a regular file");
  }
  return path;
}

fs::path file_field(const nlohmann::json& card, const char* field, const fs::path& folder,
                    const std::string& where) {
  return file_inside(folder, zoo::text_field(card, field, where), field, where);
}

std::vector<fs::path> external_data_field(const nlohmann::json& card, const fs::path& folder,
                                          const std::string& where) {
  constexpr const char* kField = "external_data";
  const auto found = card.find(kField);
  if (found == card.end() || !found->is_array() || found->size() > kMaxExternalFiles) {
    zoo::bad_field(where, kField, "a list of file names");
  }
  std::vector<fs::path> files;
  for (const nlohmann::json& item : *found) {
    if (!item.is_string()) zoo::bad_field(where, kField, "a list of file names");
    files.push_back(file_inside(folder, item.get<std::string>(), kField, where));
  }
  return files;
}

Preprocessing preprocessing_field(const nlohmann::json& card, const std::string& where) {
  const auto found = card.find("preprocessing");
  if (found == card.end()) zoo::bad_field(where, "preprocessing", "given");
  try {
    return preprocessing_from_json(*found);
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", where, error.what()));
  }
}

}  // namespace

BackboneCard BackboneCard::load(const fs::path& card_file) {
  const fs::path file = fs::absolute(card_file);
  const fs::path folder = file.parent_path();
  const std::string where = file.string();
  nlohmann::json json = zoo::parse_object(read_text(file, kMaxCardBytes), where);
  if (zoo::text_field(json, "format", where) != kFormat) {
    zoo::bad_field(where, "format", fmt::format("\"{}\"", kFormat));
  }
  BackboneCard card;
  card.name = zoo::text_field(json, "name", where);
  if (!zoo::is_name(card.name)) zoo::bad_field(where, "name", "made of [a-z0-9_.-]");
  card.family = zoo::text_field(json, "family", where);
  card.source = zoo::text_field(json, "source", where);
  card.weights = zoo::text_field(json, "weights", where);
  card.weights_sha256 = zoo::sha256_field(json, "weights_sha256", where);
  card.onnx = file_field(json, "onnx", folder, where);
  card.external_data = external_data_field(json, folder, where);
  card.onnx_sha256 = zoo::sha256_field(json, "onnx_sha256", where);
  card.golden = file_field(json, "golden", folder, where);
  card.preprocessing = preprocessing_field(json, where);
  card.input = zoo::text_field(json, "input", where);
  card.output = zoo::text_field(json, "output", where);
  card.feature_dim =
      static_cast<int>(zoo::count_field(json, "feature_dim", 1, zoo::kMaxFeatures, where));
  // An ONNX file of the user's own may keep its weights where they are not counted: 0 is legal.
  card.params = zoo::count_field(json, "params", 0, zoo::kMaxParams, where);
  card.license = zoo::text_field(json, "license", where);
  card.raw = std::move(json);
  return card;
}

void BackboneCard::verify_hash() const {
  std::vector<fs::path> files{onnx};
  files.insert(files.end(), external_data.begin(), external_data.end());
  const std::string found = zoo::sha256_of(files);
  if (found == onnx_sha256) return;
  throw Error(ErrorKind::mismatch,
              fmt::format("{} has changed since its card was written: its SHA-256 is {}, the card "
                          "says {}",
                          onnx.string(), found, onnx_sha256),
              fmt::format("export {} again, with --force", name));
}

}  // namespace caft
