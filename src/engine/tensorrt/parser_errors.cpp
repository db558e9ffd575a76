#include "engine/tensorrt/parser_errors.hpp"

#include <fmt/format.h>

#include <set>
#include <string>

#include "caft/core/error.hpp"
#include "engine/tensorrt/logger.hpp"
#include "graph/hints.hpp"

namespace caft::tensorrt {
namespace {

constexpr int most_nodes = 8;  ///< a model of one foreign operator repeats it hundreds of times

std::string text(const char* value, const char* otherwise) {
  return value != nullptr && *value != '\0' ? value : otherwise;
}

std::string one_line(std::string words) {
  for (char& c : words) {
    if (c == '\n') c = ' ';
  }
  return words;
}

}  // namespace

void throw_parser_errors(const EngineConfig& config, const nvonnxparser::IParser& parser) {
  const int count = parser.getNbErrors();
  std::string nodes;
  std::set<std::string> hints;
  for (int i = 0; i < count && i < most_nodes; ++i) {
    const nvonnxparser::IParserError& error = *parser.getError(i);
    nodes += fmt::format("{}node {} '{}' ({}): {}", nodes.empty() ? "" : "; ", error.node(),
                         text(error.nodeName(), "unnamed"), text(error.nodeOperator(), "?"),
                         one_line(text(error.desc(), "no reason given")));
    const std::string hint = operator_hint(text(error.nodeOperator(), ""));
    if (!hint.empty()) hints.insert(hint);
  }
  if (count > most_nodes) nodes += fmt::format("; and {} more", count - most_nodes);
  if (nodes.empty()) nodes = logged_errors();
  const std::string what = "TensorRT cannot read " + config.onnx.string();
  if (config.image_size) {
    throw Error(ErrorKind::usage, what + " at this image size: " + nodes, "export it at that size");
  }
  std::string remedy;
  for (const std::string& hint : hints) remedy += (remedy.empty() ? "" : "; ") + hint;
  throw Error(ErrorKind::bad_input, what + ": " + nodes,
              remedy.empty() ? "export with operators that TensorRT has (another --opset, "
                               "--simplify), or give the library that has them: --plugins"
                             : remedy);
}

}  // namespace caft::tensorrt
