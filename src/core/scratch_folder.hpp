// A folder for intermediate files.
#pragma once

#include <filesystem>

namespace caft {

/// A folder in TMPDIR that goes when this does. Throws Error(io) when it cannot be made.
class ScratchFolder {
 public:
  ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder();
  std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace caft
