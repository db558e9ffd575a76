#include "engine/reference/backend.hpp"

#include <memory>
#include <string>

#include "caft/core/version.hpp"
#include "engine/config.hpp"
#include "engine/reference/engine.hpp"

namespace caft {
namespace {

class ReferenceBackend final : public Backend {
 public:
  [[nodiscard]] std::string_view name() const override { return "reference"; }
  [[nodiscard]] Availability availability() const override {
    return {true, "reference " + std::string(version()) + ", any CPU, one thread a context", ""};
  }
  [[nodiscard]] std::unique_ptr<Engine> build(const EngineConfig& config) const override {
    check_config(config);
    return std::make_unique<reference::ReferenceEngine>(config);
  }
};

}  // namespace

const Backend& reference_backend() {
  static const ReferenceBackend instance;
  return instance;
}

}  // namespace caft
