#include "support/caft_program.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "caft/core/file.hpp"
#include "caft/core/process.hpp"
#include "caft/image/image.hpp"

namespace caft::test {
namespace {

/// Value in [0, 1] of a class's pattern at (x, y).
double pattern(int kind, double x, double y, double phase, std::minstd_rand& random) {
  if (kind == 0) return std::hypot(x - 0.5 - 0.2 * std::sin(phase), y - 0.5) < 0.3 ? 0.9 : 0.2;
  if (kind == 1) return 0.5 + 0.4 * std::sin(40 * x + phase);
  return static_cast<double>(random() % 1000) / 1000;
}

Image make_image(int kind, std::minstd_rand& random) {
  Image image{.width = 40 + static_cast<int>(random() % 30),
              .height = 40 + static_cast<int>(random() % 30)};
  const double phase = static_cast<double>(random() % 628) / 100;
  const double tint[3] = {0.5 + static_cast<double>(random() % 50) / 100, 0.8, 0.6};
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const double value = pattern(kind, static_cast<double>(x) / image.width,
                                   static_cast<double>(y) / image.height, phase, random);
      for (const double t : tint)
        image.pixels.push_back(static_cast<std::uint8_t>(255 * value * t));
    }
  }
  return image;
}

}  // namespace

ProgramResult CaftProgram::run(const std::vector<std::string>& arguments) const {
  const std::string log = (folder_ / "stderr.txt").string();
  std::vector<std::string> command = {"sh",
                                      "-c",
                                      "cd \"$0\" && log=$1 && shift && exec \"$@\" 2>\"$log\"",
                                      folder_.path().string(),
                                      log,
                                      CAFT_BINARY};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const ProcessResult result = run_process(command, {"CAFT_HOME=" + (folder_ / "home").string(),
                                                     std::string("CAFT_PYTHON=") + CAFT_PYTHON});
  return {result.exit_code, result.output, read_text(log)};
}

void CaftProgram::add_tiny_backbone() const {
  const ProcessResult made =
      run_process({CAFT_PYTHON, CAFT_SOURCE_DIR "/tests/support/make_tiny_backbone.py",
                   folder_.path().string()});
  ASSERT_EQ(made.exit_code, 0);
  const ProgramResult added = run({"zoo", "add", "tiny.onnx", "--card", "tiny-card.json"});
  ASSERT_EQ(added.exit_code, 0) << added.err;
}

void write_class_folders(const std::filesystem::path& data, int classes, int per_class,
                         std::uint32_t seed) {
  const char* names[] = {"blob", "stripes", "noise"};
  std::minstd_rand random(seed + 1);
  for (int c = 0; c < classes; ++c) {
    std::filesystem::create_directories(data / names[c]);
    for (int i = 0; i < per_class; ++i) {
      constexpr int kQuality = 92;
      write_file_atomically(data / names[c] / (std::to_string(i) + ".jpg"),
                            encode_jpeg(make_image(c, random), kQuality));
    }
  }
}

}  // namespace caft::test
