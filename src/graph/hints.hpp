// What to do about an operator that an engine cannot run.
#pragma once

#include <string>
#include <string_view>

namespace caft {

/// A remedy for an operator that an engine's parser refuses, as an Error's second part: an exporter
/// setting or an operator that says the same, else a newer engine, another operator set or a
/// plugin. `op_type` is as in the graph, "domain::Op" outside the standard domain. Never empty.
std::string operator_hint(std::string_view op_type);

}  // namespace caft
