// The readers behind open_dataset, one a layout. Each throws Error(bad_input) naming the place.
#pragma once

#include <filesystem>
#include <vector>

#include "caft/data/dataset.hpp"

namespace caft::data {

/// Class folders, or train/ val/ test/ of class folders (src/data/folder.cpp).
Dataset open_folder(const std::filesystem::path& root);

/// A table with header path,label[,split] (RFC 4180).
Dataset open_csv(const std::filesystem::path& file);

/// One JSON object a line.
Dataset open_jsonl(const std::filesystem::path& file);

/// Shards in WebDataset form, in the given order; classes.txt, if any, lies beside the first.
Dataset open_webdataset(const std::vector<std::filesystem::path>& shards);

}  // namespace caft::data
