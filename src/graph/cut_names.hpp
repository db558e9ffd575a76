// Readable names for places in a graph, from the module names that exporters write into node names.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace caft::onnx {
class NodeProto;
}

namespace caft {

/// The names of the place right behind each node, the plainest first; at least one a node.
///
/// PyTorch names a node /backbone/layer3/layer3.1/relu_1/Relu. Where a node is the last of a
/// module, the place behind it has the module's name: "layer3", then "layer3.1", then
/// "layer3.1.relu_1". Elsewhere it is module and operator: "layer3.0.Pad". What all nodes have in
/// front ("backbone") is left out, and so are leading underscores. A node without such a name goes
/// by its first output.
std::vector<std::vector<std::string>> place_names(const std::vector<const onnx::NodeProto*>& nodes);

}  // namespace caft
