// The list of backends. A new one adds its line here, and nothing registers itself.
#include <array>

#include "caft/core/error.hpp"
#include "caft/core/gpu.hpp"
#include "caft/engine/engine.hpp"
#include "core/plugin.hpp"
#include "engine/reference/backend.hpp"

namespace caft {
namespace {

struct Entry {
  std::string_view name;
  const Backend& (*get)();
};

using Maker = Backend* (*)();

const Backend& openvino() {
  static const Backend& instance =
      *reinterpret_cast<Maker>(plugin_symbol("caft_openvino", "caft_openvino_backend"))();
  return instance;
}

/// libnvinfer throws from its static initialisers where there is no driver, so that it can not even
/// be opened there: libcaft_cuda is asked first.
const Backend& tensorrt() {
  const GpuList list = gpu_list();
  if (list.gpus.empty()) {
    throw Error(ErrorKind::unavailable, "tensorrt needs an NVIDIA GPU: " + list.reason);
  }
  static const Backend& instance =
      *reinterpret_cast<Maker>(plugin_symbol("caft_tensorrt", "caft_tensorrt_backend"))();
  return instance;
}

constexpr std::array<Entry, 3> entries{{
    {"tensorrt", tensorrt},
    {"openvino", openvino},
    {"reference", reference_backend},
}};

}  // namespace

std::vector<std::string> backend_names() {
  std::vector<std::string> names;
  names.reserve(entries.size());
  for (const Entry& entry : entries) names.emplace_back(entry.name);
  return names;
}

const Backend& backend(std::string_view name) {
  std::string known;
  for (const Entry& entry : entries) {
    if (entry.name == name) return entry.get();
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw Error(ErrorKind::not_found, "unknown engine backend '" + std::string(name) + "'",
              "use one of " + known);
}

const Backend& default_backend() {
  std::string reasons;
  for (const Entry& entry : entries) {
    if (entry.name == "reference") continue;
    try {
      const Backend& candidate = entry.get();
      const Availability state = candidate.availability();
      if (state.available) return candidate;
      reasons += (reasons.empty() ? "" : "; ") + state.detail + ": " + state.remedy;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unavailable) throw;
      reasons += (reasons.empty() ? "" : "; ") + std::string(error.what());
    }
  }
  throw Error(ErrorKind::unavailable, "no inference engine can run here (" + reasons + ")");
}

}  // namespace caft
