// The version of this library.
#pragma once

#include <string_view>

namespace caft {

/// "MAJOR.MINOR.PATCH" (Semantic Versioning 2.0.0).
std::string_view version() noexcept;

}  // namespace caft
