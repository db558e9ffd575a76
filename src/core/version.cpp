#include "caft/core/version.hpp"

namespace caft {

std::string_view version() noexcept { return CAFT_VERSION; }

}  // namespace caft
