// Tensors in words, for error lines.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <string>

#include "caft/core/error.hpp"

namespace caft {

/// "[8, 3, 224, 224]"; a dynamic size (-1) reads "N".
inline std::string describe_shape(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i ? ", " : "") + (shape[i] < 0 ? std::string("N") : std::to_string(shape[i]));
  }
  return text + "]";
}

/// "Float [8, 512]", or "undefined".
inline std::string describe(const torch::Tensor& tensor) {
  if (!tensor.defined()) return "undefined";
  return std::string(c10::toString(tensor.scalar_type())) + " " +
         describe_shape({tensor.sizes().data(), tensor.sizes().size()});
}

/// LibTorch's error as one line of ours. `what` says what was being done.
inline Error from_torch(const std::string& what, const c10::Error& error) {
  const std::string text = error.what_without_backtrace();
  return {ErrorKind::usage, what + ": " + text.substr(0, text.find('\n'))};
}

}  // namespace caft
