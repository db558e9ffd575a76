// Small pictures for the report.
#pragma once

#include <string>

#include "caft/data/dataset.hpp"

namespace caft::report {

/// A JPEG of at most `side` pixels each way as a data URI; empty when the image cannot be read,
/// since a report with a picture missing is better than none.
std::string thumbnail_uri(const ImageSource& source, int side);

}  // namespace caft::report
