#include "graph/names.hpp"

#include <utility>

#include "caft_onnx.pb.h"

namespace caft {

FreshNames::FreshNames(const onnx::GraphProto& graph) {
  for (const auto& input : graph.input()) taken_.insert(input.name());
  for (const auto& tensor : graph.initializer()) taken_.insert(tensor.name());
  for (const auto& node : graph.node()) {
    taken_.insert(node.name());
    taken_.insert(node.output().begin(), node.output().end());
  }
}

std::string FreshNames::make(std::string wanted) {
  while (!taken_.insert(wanted).second) wanted += '_';
  return wanted;
}

}  // namespace caft
