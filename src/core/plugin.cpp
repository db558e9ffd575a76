#include "core/plugin.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "caft/core/error.hpp"
#include "caft/core/version.hpp"

namespace caft {
namespace {

namespace fs = std::filesystem;

/// What to do about a plugin that is not there.
std::string remedy(std::string_view library) {
  if (library == "caft_openvino") {
    return "run scripts/setup.sh (it installs the OpenVINO wheel), then build again";
  }
  if (library == "caft_torch") {
    return "install libtorch-dev or set CAFT_TORCH to a LibTorch folder, then build again";
  }
  if (library == "caft_cuda" || library == "caft_tensorrt") {
    return "build where CUDA (nvcc) and TensorRT (TENSORRT_DIR) are installed";
  }
  return "build it, or name its folder in CAFT_PLUGIN_PATH";
}

std::vector<fs::path> search_folders() {
  std::vector<fs::path> folders;
  if (const char* list = std::getenv("CAFT_PLUGIN_PATH")) {
    std::string_view rest(list);
    while (!rest.empty()) {
      const std::size_t colon = rest.find(':');
      if (const std::string_view one = rest.substr(0, colon); !one.empty())
        folders.emplace_back(one);
      rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
    }
  }
  Dl_info self{};
  if (::dladdr(reinterpret_cast<const void*>(&plugin_symbol), &self) != 0 &&
      self.dli_fname != nullptr) {
    std::error_code ignored;
    const fs::path library = fs::weakly_canonical(self.dli_fname, ignored);
    folders.push_back(library.parent_path());
    folders.push_back(library.parent_path().parent_path() / "lib");
  }
  return folders;
}

std::string loader_error() {
  const char* text = ::dlerror();
  return text != nullptr ? text : "unknown loader error";
}

void check_version(void* handle, const fs::path& file) {
  using VersionFunction = const char* (*)();
  const auto function = reinterpret_cast<VersionFunction>(::dlsym(handle, "caft_plugin_version"));
  const std::string theirs = function != nullptr ? function() : "no version";
  if (theirs != version()) {
    throw Error(ErrorKind::unavailable,
                file.string() + " was built for caft " + theirs + ", this is caft " +
                    std::string(version()),
                "build both from the same sources, or correct CAFT_PLUGIN_PATH");
  }
}

/// Opens the plugin; the handle is never closed, since vendors' libraries rarely survive that.
void* open_plugin(const std::string& library) {
  const std::string name = "lib" + library + ".so";
  std::string looked_in;
  for (const fs::path& folder : search_folders()) {
    const fs::path file = folder / name;
    std::error_code ignored;
    if (!fs::exists(file, ignored)) {
      looked_in += (looked_in.empty() ? "" : ", ") + folder.string();
      continue;
    }
    void* handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      throw Error(ErrorKind::unavailable,
                  "cannot load " + file.string() + " (" + loader_error() + ")", remedy(library));
    }
    check_version(handle, file);
    return handle;
  }
  throw Error(ErrorKind::unavailable, name + " is not installed (looked in " + looked_in + ")",
              remedy(library));
}

}  // namespace

void* plugin_symbol(std::string_view library, const char* symbol) {
  static std::mutex mutex;
  static std::map<std::string, void*, std::less<>> open;
  const std::lock_guard lock(mutex);
  auto found = open.find(library);
  if (found == open.end()) {
    const std::string name(library);
    found = open.emplace(name, open_plugin(name)).first;
  }
  void* address = ::dlsym(found->second, symbol);
  if (address == nullptr) {
    throw Error(ErrorKind::unavailable,
                "lib" + found->first + ".so has no symbol " + symbol + " (" + loader_error() + ")",
                remedy(library));
  }
  return address;
}

}  // namespace caft
