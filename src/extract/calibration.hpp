// Images for INT8 calibration, through the one preprocessing.
#pragma once

#include <vector>

#include "caft/data/dataset.hpp"
#include "caft/engine/engine.hpp"
#include "caft/image/preprocess.hpp"

namespace caft {

/// Whole batches of `images`, decoded, resized and cropped as `spec` says; unreadable ones are left
/// out. Throws Error(usage) when there are fewer images than a batch.
Calibration calibration_over(std::vector<ImageSource> images, const Preprocessing& spec, int batch);

}  // namespace caft
