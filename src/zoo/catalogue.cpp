// The catalogue: catalogue.json, embedded by the build.
#include <fmt/format.h>

#include <set>
#include <string_view>

#include "caft/core/error.hpp"
#include "caft/zoo/card.hpp"
#include "zoo/fields.hpp"

extern "C" const unsigned char caft_catalogue_begin[];
extern "C" const unsigned char caft_catalogue_end[];

namespace caft {
namespace {

constexpr int kMaxSize = 4096;

Preprocessing read_preprocessing(const nlohmann::json& row, const std::string& where) {
  const auto size = zoo::count_field(row, "image_size", 1, kMaxSize, where);
  nlohmann::json spec = {{"height", size},
                         {"width", size},
                         {"antialias", true},
                         {"color", "RGB"},
                         {"exif_orientation", false}};
  for (const char* field : {"mean", "std", "interpolation", "resize", "resize_mode"}) {
    if (!row.contains(field)) zoo::bad_field(where, field, "given");
    spec[field] = row[field];
  }
  return preprocessing_from_json(spec);
}

CatalogueEntry read_entry(const nlohmann::json& row, std::size_t index) {
  const std::string where = fmt::format("catalogue.json, backbone {}", index);
  CatalogueEntry entry;
  entry.name = zoo::text_field(row, "name", where);
  if (!zoo::is_name(entry.name)) zoo::bad_field(where, "name", "made of [a-z0-9_.-]");
  entry.family = zoo::text_field(row, "family", where);
  entry.feature_dim =
      static_cast<int>(zoo::count_field(row, "feature_dim", 1, zoo::kMaxFeatures, where));
  entry.params = zoo::count_field(row, "params", 1, zoo::kMaxParams, where);
  entry.preprocessing = read_preprocessing(row, where);
  entry.source = zoo::text_field(row, "source", where);
  entry.license = zoo::text_field(row, "license", where);
  return entry;
}

std::vector<CatalogueEntry> read_catalogue() {
  const std::string_view text(reinterpret_cast<const char*>(caft_catalogue_begin),
                              static_cast<std::size_t>(caft_catalogue_end - caft_catalogue_begin));
  const nlohmann::json document = zoo::parse_object(text, "catalogue.json");
  std::vector<CatalogueEntry> entries;
  std::set<std::string> names;
  for (const nlohmann::json& row : document.at("backbones")) {
    entries.push_back(read_entry(row, entries.size()));
    if (!names.insert(entries.back().name).second) {
      throw Error(ErrorKind::bad_input, "catalogue.json names " + entries.back().name + " twice");
    }
  }
  return entries;
}

}  // namespace

const std::vector<CatalogueEntry>& catalogue() {
  static const std::vector<CatalogueEntry> entries = read_catalogue();
  return entries;
}

nlohmann::json to_json(const CatalogueEntry& entry) {
  const nlohmann::json spec = to_json(entry.preprocessing);
  return {{"name", entry.name},
          {"family", entry.family},
          {"feature_dim", entry.feature_dim},
          {"image_size", entry.preprocessing.height},
          {"params", entry.params},
          {"mean", spec.at("mean")},
          {"std", spec.at("std")},
          {"interpolation", spec.at("interpolation")},
          {"resize", spec.at("resize")},
          {"resize_mode", spec.at("resize_mode")},
          {"source", entry.source},
          {"license", entry.license}};
}

}  // namespace caft
