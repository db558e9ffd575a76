#include "core/scratch_folder.hpp"

#include <cstdlib>
#include <string>
#include <system_error>

#include "caft/core/error.hpp"

namespace caft {

namespace fs = std::filesystem;

ScratchFolder::ScratchFolder() {
  std::string name = (fs::temp_directory_path() / "caft-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    throw Error(ErrorKind::io, "no folder can be made in " + fs::temp_directory_path().string(),
                "point TMPDIR at one that can be written");
  }
  path_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace caft
