// An index of a tar archive: where each regular file's bytes lie. Nothing is ever extracted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "caft/core/file.hpp"

namespace caft::data {

struct TarMember {
  std::string name;          ///< relative, without "./" and "..": safe to join to a folder
  std::uint64_t offset = 0;  ///< of the member's bytes in the archive
  std::uint64_t size = 0;    ///< offset + size lies within the archive
};

struct TarIndex {
  std::vector<TarMember> members;  ///< regular files, in the archive's order
  std::uint64_t skipped = 0;       ///< links, devices, pipes and unknown kinds
};

/// Reads the headers of an uncompressed archive: POSIX.1-1988 ustar and POSIX.1-2001 pax (`path`,
/// `size`), GNU long names and base-256 sizes, and the older v7 form.
/// Throws Error(bad_input) naming the archive and the offset for a wrong checksum, a size beyond
/// the archive's end, a name that is absolute or holds "..", a sparse or multi-volume member, a
/// missing end marker (a truncated archive) and data behind it (archives joined by `cat`).
TarIndex index_tar(const File& archive);

}  // namespace caft::data
