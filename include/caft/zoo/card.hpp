// Backbone cards and the local store of exported backbones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "caft/image/preprocess.hpp"

namespace caft {

/// One line of the catalogue: what caft knows of a backbone before it is exported.
struct CatalogueEntry {
  std::string name;    ///< as torchvision spells it, else as timm does
  std::string family;  ///< "ResNet", "VGG" …
  int feature_dim = 0;
  std::int64_t params = 0;  ///< of the frozen part
  Preprocessing preprocessing;
  std::string source;   ///< "torchvision", "timm:MODEL.TAG", "efficientnet-lite-pytorch"
  std::string license;  ///< of code and default weights
};

/// The catalogue, from catalogue.json, embedded in the library.
const std::vector<CatalogueEntry>& catalogue();

/// A row of catalogue.json, which the exporter takes as --entry-json.
nlohmann::json to_json(const CatalogueEntry& entry);

/// The backbone card: a JSON file beside the ONNX file. It says all that is needed to run it.
struct BackboneCard {
  std::string name;
  std::string family;
  std::string source;
  std::string weights;  ///< "default", "random seed 0", or a file's name
  std::string weights_sha256;
  std::filesystem::path onnx;                        ///< absolute
  std::vector<std::filesystem::path> external_data;  ///< absolute; the ONNX file's own, if any
  std::string onnx_sha256;       ///< over the ONNX file and then its external data, in order
  std::filesystem::path golden;  ///< safetensors: images u8 [N,H,W,3], features f32 [N,D]
  Preprocessing preprocessing;
  std::string input = "images";
  std::string output = "features";
  int feature_dim = 0;
  std::int64_t params = 0;
  std::string license;
  nlohmann::json raw;  ///< the whole card

  /// Reads and checks a card: every field, the files it names and that they stay inside its folder.
  /// Throws Error(bad_input | not_found) naming card and field. Hashes are not recomputed here.
  static BackboneCard load(const std::filesystem::path& card_file);

  /// Recomputes the ONNX hash. Throws Error(mismatch) when the files are not those of the card.
  void verify_hash() const;
};

/// $CAFT_HOME, else $XDG_CACHE_HOME/caft, else ~/.cache/caft.
std::filesystem::path caft_home();

/// The local store: CAFT_HOME/zoo/NAME/{card.json, NAME.onnx, golden.safetensors}.
class Store {
 public:
  explicit Store(std::filesystem::path root = caft_home());
  [[nodiscard]] std::filesystem::path folder(const std::string& name) const;
  [[nodiscard]] bool has(const std::string& name) const;
  /// Throws Error(not_found) with the command that exports it.
  [[nodiscard]] BackboneCard find(const std::string& name) const;
  /// Names of all exported or added backbones, sorted.
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  std::filesystem::path root_;
};

}  // namespace caft
