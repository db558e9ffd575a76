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

  /// What a person calls it: "dogs/1.jpg" or "shard-0.tar:1.jpg", beginning as the path that was
  /// opened did. Bytes that are not UTF-8 and control characters are shown as U+FFFD.
  [[nodiscard]] std::string display_name() const;
};

/// The encoded bytes; of a member by pread, without the rest of its archive. Thread-safe.
/// Throws Error(not_found | io | bad_input: over `limit` bytes, no regular file, or a member that
/// lies beyond its archive's end).
std::vector<std::byte> read_source(const ImageSource& source, std::uint64_t limit = 1u << 30);

enum class Split : std::uint8_t { none, train, val, test };
std::string_view to_string(Split split) noexcept;  ///< "", "train", "val", "test"
/// In any case, "valid" and "validation" too. Throws Error(bad_input) on other text.
Split split_from_string(std::string_view name);

struct Sample {
  ImageSource source;
  std::vector<std::int32_t> labels;  ///< class indices; exactly one unless the set is multi-label
  Split split = Split::none;
};

/// A data set: classes in a fixed order, samples in a fixed order (both independent of the file
/// system's own), so that an index names the same image on every machine.
struct Dataset {
  std::string name;  ///< of the folder or file
  /// Sorted bytewise, as torchvision's ImageFolder does, also where all are numbers. Tar shards
  /// alone differ: the order of classes.txt, or without it by number if all classes are integers.
  std::vector<std::string> classes;
  std::vector<Sample> samples;
  bool multi_label = false;  ///< a sample has any number of labels
  bool labelled = true;      ///< false for a plain folder of images

  /// Indices of the samples of a split, ascending.
  [[nodiscard]] std::vector<std::size_t> of_split(Split split) const;
};

/// Opens whatever `path` is:
/// - a folder of class folders (torchvision ImageFolder), or of train/ and val/ and/or test/ of
/// them
///   ("valid" and "validation" count as val, in any case); the classes are the union over the
///   splits. Images are .jpg .jpeg .png .webp .bmp in any case, at any depth below the class
///   folder, in ImageFolder's order; hidden entries are skipped and links followed, without loops;
/// - a .csv (RFC 4180, UTF-8) with header `path,label[,split]` in any order, other columns ignored;
///   several labels in one cell are separated by '|', an empty cell is an image of no class;
/// - a .jsonl of {"path": …, "label": "a" | "labels": ["a", "b"], "split": …}; a number is taken as
///   its text;
/// - a .tar, or a folder of .tar files, in WebDataset form (KEY.jpg beside KEY.cls or KEY.json, of
///   which "label", "labels" or "cls" counts). With a classes.txt beside the shards, label i is its
///   line i from 0. Shards whose names all begin with a split's ("train-000.tar") are those splits.
/// Paths inside a file are relative to its folder and may not leave it. The images themselves are
/// not looked at: one that is missing fails in read_source, as any bad image does. A .csv or .jsonl
/// in which any image has no or several labels is multi-label, as are shards. Throws
/// Error(not_found | io | bad_input) naming file and line.
Dataset open_dataset(const std::filesystem::path& path);

/// A plain list of images without labels, in the order of `paths`: files (of any extension: their
/// content decides), folders (walked, sorted; one without images but with .tar files: those), tar
/// files. Throws Error(not_found | io | bad_input), also for a folder or archive without images.
Dataset open_images(const std::vector<std::filesystem::path>& paths);

/// Marks `fraction` (0 to 1) of each class's unsplit samples as `to` (val or test) and the rest as
/// train, by `seed`, the same on every machine and whatever the samples' order. Exactly
/// round(fraction * n) are marked: the classes' remainders are distributed by largest remainder,
/// and where that count allows it, each class keeps a sample in train and, if it has two or more,
/// one in `to`. Multi-label sets are stratified by each sample's rarest label. Throws Error(usage).
void stratified_split(Dataset& dataset, double fraction, std::uint64_t seed, Split to);

/// Fold number (0 … folds-1) of each label, stratified, by seed. The folds' sizes differ by at most
/// one, as do each class's counts in them. Throws Error(usage) unless 2 <= folds <= labels.size().
std::vector<int> stratified_folds(const std::vector<std::int32_t>& labels, int folds,
                                  std::uint64_t seed);

}  // namespace caft
