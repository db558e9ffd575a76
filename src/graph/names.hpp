// Names that a graph does not use yet.
#pragma once

#include <string>
#include <unordered_set>

namespace caft::onnx {
class GraphProto;
}

namespace caft {

/// Makes tensor and node names that meet no other in the graph, the same ones for the same graph.
class FreshNames {
 public:
  explicit FreshNames(const onnx::GraphProto& graph);
  /// `wanted`, or with underscores after it.
  std::string make(std::string wanted);

 private:
  std::unordered_set<std::string> taken_;
};

}  // namespace caft
