// What ONNX Runtime makes of images: it has no C++ package here, so a Python child runs it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "caft/image/preprocess.hpp"

namespace caft::cli {

struct OnnxRuntimeRun {
  std::filesystem::path onnx;
  std::filesystem::path images;  ///< safetensors: images u8 [N, H, W, 3]
  std::filesystem::path out;     ///< scratch file for the outputs
  std::string input, output;
  Preprocessing spec;  ///< whose mean and std normalise the pixels
  bool uint8 = false;  ///< the model takes the pixels themselves
  int threads = 0;
};

/// `output` of every image, in f32 on the CPU. Throws Error(unavailable) where the interpreter has
/// no onnxruntime, else as run_exporter(); both with `instead` as what to do without it.
std::vector<float> onnxruntime_rows(const OnnxRuntimeRun& run, const std::string& instead);

}  // namespace caft::cli
