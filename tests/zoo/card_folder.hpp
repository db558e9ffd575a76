// A backbone folder made by hand: a card, and files that need not be ONNX, since none is run.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>

#include "caft/core/file.hpp"
#include "caft/core/hash.hpp"
#include "temp_folder.hpp"

namespace caft::test {

inline void write_text(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

inline std::string sha256_text(const std::string& text) {
  return sha256(std::as_bytes(std::span(text)));
}

/// The card of the files that write_backbone makes.
inline nlohmann::json good_card(const std::string& name) {
  nlohmann::json card = nlohmann::json::parse(R"({
    "format": "caft-card-1", "family": "ResNet", "source": "torchvision",
    "weights": "random seed 0", "onnx": "net.onnx", "external_data": ["net.data", "more/net.data"],
    "golden": "golden.safetensors", "input": "images", "output": "features",
    "feature_dim": 512, "params": 11176512, "license": "BSD-3-Clause", "opset": 17,
    "preprocessing": {"resize_mode": "short_side", "resize": 232, "height": 224, "width": 224,
      "interpolation": "bicubic", "antialias": true, "mean": [0.485, 0.456, 0.406],
      "std": [0.229, 0.224, 0.225], "color": "RGB", "exif_orientation": false}})");
  card["name"] = name;
  card["weights_sha256"] = sha256_text("weights");
  card["onnx_sha256"] = sha256_text("graphonetwo");  // the three files below, in their order
  return card;
}

/// Writes card.json and its files into `folder`; returns the card's path.
inline std::filesystem::path write_backbone(const std::filesystem::path& folder,
                                            const nlohmann::json& card) {
  write_text(folder / "net.onnx", "graph");
  write_text(folder / "net.data", "one");
  write_text(folder / "more" / "net.data", "two");
  write_text(folder / "golden.safetensors", "golden");
  write_text(folder / "card.json", card.dump());
  return folder / "card.json";
}

}  // namespace caft::test
