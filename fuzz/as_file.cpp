#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "target.hpp"

namespace caft::fuzz {
namespace {

struct Folder {
  Folder() {
    const std::filesystem::path memory = "/dev/shm";
    std::string name =
        (std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path()) /
        "caft-fuzz-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path path;
};

}  // namespace

std::filesystem::path as_file(std::span<const std::byte> input, const std::string& name) {
  static const Folder folder;
  std::filesystem::path path = folder.path / name;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(input.data()),
             static_cast<std::streamsize>(input.size()));
  if (!file.flush()) std::abort();
  return path;
}

}  // namespace caft::fuzz
