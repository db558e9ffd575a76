// Applying an audit's findings: a new manifest, never the images.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "caft/data/dataset.hpp"

namespace caft::lab {

/// One line of an audit, as a person left it.
struct Correction {
  std::string path;       ///< display name, as the audit wrote it
  std::string label;      ///< what the image was called when it was audited
  std::string suggested;  ///< a class, or "drop"; empty: nothing is to be done
  std::size_t line = 0;
};

/// Reads JSONL of {path, label, suggested}, other keys ignored. Throws Error(not_found | bad_input)
/// naming the line.
std::vector<Correction> read_corrections(const std::filesystem::path& file);

struct RelabelResult {
  std::size_t relabelled = 0, dropped = 0, written = 0;
};

/// Writes `manifest` (.jsonl, which open_dataset reads): every sample of `dataset` with its split,
/// those of `corrections` under their new class or left out. Paths in it are relative to its
/// folder, which must hold all images. Throws Error(not_found) on a path that is not in the data
/// set, Error(mismatch) when a label is not the audited one any more, Error(bad_input) on two
/// corrections of one image that disagree, Error(usage) for images in archives or outside the
/// manifest's folder, and for multi-label sets.
RelabelResult relabel(const Dataset& dataset, const std::vector<Correction>& corrections,
                      const std::filesystem::path& manifest);

}  // namespace caft::lab
