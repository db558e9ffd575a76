// An engine that takes pixels, around one that takes normalised floats.
#pragma once

#include <memory>

#include "caft/engine/engine.hpp"
#include "caft/image/preprocess.hpp"

namespace caft {

/// For plans from elsewhere, whose input is f32 NCHW: presents u8 NHWC, and normalises on the CPU
/// before each batch. Views lie in host memory. Gives back `inner` itself when it takes u8 already.
/// Throws Error(mismatch) when it takes neither.
std::shared_ptr<Engine> normalizing(std::shared_ptr<Engine> inner, const Preprocessing& spec);

}  // namespace caft
