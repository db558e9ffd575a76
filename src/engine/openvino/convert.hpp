// OpenVINO's types and errors in caft's terms.
#pragma once

#include <openvino/openvino.hpp>
#include <string>
#include <utility>

#include "caft/core/dtype.hpp"
#include "caft/core/error.hpp"

namespace caft::openvino {

/// Throws Error(bad_input) naming `tensor` when caft has no such type.
DType to_dtype(const ov::element::Type& type, const std::string& tensor);
ov::element::Type to_element(DType type);

/// OpenVINO's nested, many-lined message as one line: the operators and reasons, without its source
/// locations.
std::string one_line(const std::string& message);

/// Runs `work`, turning an exception of OpenVINO's into Error(kind, "`what`: …", remedy).
template <typename Work>
auto guarded(ErrorKind kind, const std::string& what, const std::string& remedy, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(kind, what + ": " + one_line(error.what()), remedy);
  }
}

}  // namespace caft::openvino
