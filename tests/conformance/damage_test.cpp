// Damaged files and the reference interpreter: refused or run, never a crash.
#include <gtest/gtest.h>

#include <fstream>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "conformance/harness.hpp"
#include "temp_folder.hpp"

namespace caft::test {
namespace {

/// Builds and runs `bytes` as a model. Returns whether it was refused.
bool is_refused(const std::filesystem::path& path, std::span<const std::byte> bytes,
                const Batch& images) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  EngineConfig config;
  config.onnx = path;
  config.batch = {1, 1, 1};
  try {
    const auto engine = backend("reference").build(config);
    const auto context = engine->create_context();
    (void)run(*context, *engine, images);
  } catch (const Error&) {
    return true;
  } catch (const std::out_of_range&) {
    return false;  // the output has another name now
  }
  return false;
}

TEST(DamagedModel, IsRefusedOrRunButNeverCrashes) {
  const TempFolder folder;
  for (const std::string name : {"operators", "quantized"}) {
    const std::vector<std::byte> whole = read_file(net(name));
    const Batch images = recorded(name, "images").slice(0, 1);
    ASSERT_FALSE(is_refused(folder / "whole.onnx", whole, images));
    int refused = 0;
    for (std::size_t at = 0; at < whole.size(); at += 5) {
      std::vector<std::byte> damaged = whole;
      damaged[at] ^= std::byte{0x81};
      refused += is_refused(folder / "damaged.onnx", damaged, images) ? 1 : 0;
    }
    EXPECT_GT(refused, 10);
  }
}

}  // namespace
}  // namespace caft::test
