// The reference backend: slow, simple and exact, for tests and for judging the others.
#pragma once

#include "caft/engine/engine.hpp"

namespace caft {

/// A deterministic ONNX interpreter in FP32 with plain loops: a row's result is the same to the
/// last bit whatever batch it comes in. Always available; takes the operators listed in
/// operators.cpp.
const Backend& reference_backend();

}  // namespace caft
