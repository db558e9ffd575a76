// usage: rewrite_model MODEL.onnx OUT.onnx [half] [normalize] [HEIGHTxWIDTH]
// The rewriting behind TensorRT engines, for tests that read its result with the onnx package.
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>

#include "caft/core/file.hpp"
#include "graph/onnx_model.hpp"
#include "graph/rewrite.hpp"

int main(int count, char** arguments) {
  try {
    if (count < 3) return 2;
    caft::GraphRewrite changes;
    for (int i = 3; i < count; ++i) {
      const std::string text = arguments[i];
      int height = 0, width = 0;
      if (text == "half") {
        changes.half = true;
      } else if (text == "normalize") {
        changes.normalization = {{0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}};
      } else if (std::sscanf(text.c_str(), "%dx%d", &height, &width) == 2) {
        changes.image_size = {height, width};
      } else {
        return 2;
      }
    }
    const std::string bytes = caft::rewrite_graph(caft::OnnxModel::load(arguments[1]), changes);
    caft::write_file_atomically(arguments[2], bytes);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
