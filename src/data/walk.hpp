// Listing folders in an order that no file system decides.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace caft::data {

/// What one folder holds, hidden entries (".…") left out; each list sorted by name bytewise.
/// Symbolic links count as what they lead to; a broken link with an image's name counts as an
/// image, so that it is reported as unreadable instead of vanishing.
struct Listing {
  std::vector<std::string> folders;
  std::vector<std::string> images;  ///< by extension
  std::vector<std::string> tars;
};

/// Throws Error(io) naming the folder.
Listing list_folder(const std::filesystem::path& folder);

/// The images under `folder`, walked to any depth, as paths that begin with `folder`, ordered by
/// (parent folder, name) as torchvision's ImageFolder orders them. A folder that links reach a
/// second time is not walked again, so loops end. Throws Error(io).
std::vector<std::filesystem::path> walk_images(const std::filesystem::path& folder);

}  // namespace caft::data
