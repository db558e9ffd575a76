// Labelled images from class folders, CSV, JSONL and tar shards, and their splits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caft {

/// Where an image's encoded bytes lie: a file, or a member of a tar archive.
struct ImageSource {
  std::filesystem::path file;
  std::string member;                 ///< name inside the archive; empty: `file` is the image
  std::uint64_t offset = 0;           ///< of the member's bytes in the archive
  std::optional<std::uint64_t> size;  ///< of the member; absent: the whole file

  /// What a person calls it: "dogs/1.jpg" or "shard-0.tar:1.jpg".
  [[nodiscard]] std::string display_name() const;
};

/// The encoded bytes. Throws Error(not_found | io | bad_input: over `limit` bytes).
std::vector<std::byte> read_source(const ImageSource& source, std::uint64_t limit = 1u << 30);

enum class Split : std::uint8_t { none, train, val, test };
std::string_view to_string(Split split) noexcept;  ///< "", "train", "val", "test"
Split split_from_string(std::string_view name);    ///< throws Error(bad_input) on other text

struct Sample {
  ImageSource source;
  std::vector<std::int32_t> labels;  ///< class indices; exactly one unless the set is multi-label
  Split split = Split::none;
};

/// A data set: classes in a fixed order, samples in a fixed order (both independent of the file
/// system's own), so that an index names the same image on every machine.
struct Dataset {
  std::string name;                  ///< of the folder or file
  std::vector<std::string> classes;  ///< sorted, as torchvision's ImageFolder does
  std::vector<Sample> samples;
  bool multi_label = false;  ///< a sample has any number of labels
  bool labelled = true;      ///< false for a plain folder of images

  /// Indices of the samples of a split, ascending.
  [[nodiscard]] std::vector<std::size_t> of_split(Split split) const;
};

/// Opens whatever `path` is:
/// - a folder of class folders (torchvision ImageFolder), or of train/ and val/ and/or test/ of them
///   ("valid" and "validation" count as val);
/// - a .csv with header `path,label[,split]`; several labels in one cell are separated by '|';
/// - a .jsonl of {"path": …, "label": "a" | "labels": ["a", "b"], "split": …};
/// - a .tar, or a folder of .tar files, in WebDataset form (KEY.jpg beside KEY.cls or KEY.json).
/// Paths inside a file are relative to its folder and may not leave it.
/// Throws Error(not_found | bad_input) naming file and line.
Dataset open_dataset(const std::filesystem::path& path);

/// A plain list of images without labels: files, folders (walked, sorted), tar files.
Dataset open_images(const std::vector<std::filesystem::path>& paths);

/// Marks `fraction` of each class's unsplit samples as `to` and the rest as train, by `seed`, the same on
/// every machine. Rounds so that the whole is round(fraction * n): the classes' remainders are
/// distributed by largest remainder. Multi-label sets are stratified by their rarest label.
void stratified_split(Dataset& dataset, double fraction, std::uint64_t seed, Split to);

/// Fold number (0 … folds-1) of each label, stratified, by seed.
std::vector<int> stratified_folds(const std::vector<std::int32_t>& labels, int folds,
                                  std::uint64_t seed);

}  // namespace caft
