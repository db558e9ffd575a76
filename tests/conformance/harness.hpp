// What every conformance test needs: a backend or a loud skip, and the nets.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "conformance/nets.hpp"

namespace caft::test {

/// Runs once for each backend name; skips, saying why, where the backend cannot run.
class Conformance : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override;
  [[nodiscard]] const Backend& tested() const { return *backend_; }
  /// Batches 1 to 9 with 4 as the best, FP32, of a net of ours.
  [[nodiscard]] EngineConfig config(const std::string& name) const;
  [[nodiscard]] std::unique_ptr<Engine> build(const std::string& name) const;
  /// The reference backend promises equality to the last bit.
  [[nodiscard]] bool is_reference() const { return GetParam() == "reference"; }

 private:
  const Backend* backend_ = nullptr;
};

}  // namespace caft::test
