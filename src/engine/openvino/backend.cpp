// The OpenVINO backend's face: what the registry finds in libcaft_openvino.so.
#include <memory>
#include <string>

#include "caft/engine/engine.hpp"
#include "core/plugin.hpp"
#include "engine/config.hpp"
#include "engine/openvino/compile.hpp"
#include "engine/openvino/convert.hpp"
#include "engine/openvino/engine.hpp"

CAFT_PLUGIN_VERSION

namespace caft::openvino {
namespace {

/// The widest vector instructions that OpenVINO's kernels can use here.
std::string instruction_set() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512bf16")) return "AVX-512 BF16";
  if (__builtin_cpu_supports("avx512vnni")) return "AVX-512 VNNI";
  if (__builtin_cpu_supports("avx512f")) return "AVX-512";
  if (__builtin_cpu_supports("avx2")) return "AVX2";
  return "SSE";
#elif defined(__aarch64__)
  return "NEON";
#else
  return "generic";
#endif
}

class OpenVinoBackend final : public Backend {
 public:
  [[nodiscard]] std::string_view name() const override { return "openvino"; }

  [[nodiscard]] Availability availability() const override {
    try {
      const std::string cpu = cpu_name(shared_core());
      return {true, "openvino " + runtime_version() + ", " + cpu + " (" + instruction_set() + ")",
              ""};
    } catch (const std::exception& error) {
      return {false, "openvino has no CPU device (" + one_line(error.what()) + ")",
              "run scripts/setup.sh to install the OpenVINO wheel again"};
    }
  }

  [[nodiscard]] std::unique_ptr<Engine> build(const EngineConfig& config) const override {
    check_config(config);
    return guarded(ErrorKind::bad_input, "OpenVINO cannot build " + config.onnx.string(), "",
                   [&] { return std::make_unique<OpenVinoEngine>(config); });
  }
};

}  // namespace
}  // namespace caft::openvino

/// Never destroyed: the library stays open for the life of the process.
extern "C" caft::Backend* caft_openvino_backend() {
  static auto* const backend = new caft::openvino::OpenVinoBackend;
  return backend;
}
