// The backbone inside an exported file.
#pragma once

#include "caft/extract/backbone.hpp"
#include "caft/model/model.hpp"

namespace caft {

/// Opens the backbone of `model.exported`, through a temporary file that is gone afterwards. Its
/// card has only what running it takes. There is no golden sample in the file: export replayed the
/// validation images instead. `options.image_size`, `squash` and `exif_orientation` are ignored:
/// the file says what it takes.
Backbone open_exported_backbone(const Model& model, const BackboneOptions& options);

}  // namespace caft
