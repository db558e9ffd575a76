#include "conformance/harness.hpp"

#include <iostream>

#include "caft/core/error.hpp"

namespace caft::test {

void Conformance::SetUp() {
  try {
    backend_ = &backend(GetParam());
    const Availability state = backend_->availability();
    if (state.available) return;
    std::cerr << "SKIPPING backend " << GetParam() << ": " << state.detail << "\n";
    GTEST_SKIP() << state.detail << ": " << state.remedy;
  } catch (const Error& error) {
    std::cerr << "SKIPPING backend " << GetParam() << ": " << error.what() << "\n";
    GTEST_SKIP() << error.what();
  }
}

EngineConfig Conformance::config(const std::string& name) const {
  EngineConfig config;
  config.onnx = net(name);
  config.precision = Precision::fp32;
  config.batch = {1, 4, 9};
  config.plan.tf32 = false;
  config.plan.optimization_level = 0;  // a small net builds in a second
  config.plan.store = std::filesystem::path(CAFT_CONFORMANCE_NETS) / "engines";
  return config;
}

std::unique_ptr<Engine> Conformance::build(const std::string& name) const {
  return tested().build(config(name));
}

INSTANTIATE_TEST_SUITE_P(Backends, Conformance, ::testing::ValuesIn(backend_names()),
                         [](const auto& backend_case) { return backend_case.param; });

}  // namespace caft::test
