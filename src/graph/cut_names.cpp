#include "graph/cut_names.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "caft_onnx.pb.h"

namespace caft {
namespace {

/// "/a/b/Op" as {"a", "b", "Op"}; nothing where the name is no path.
std::vector<std::string> path_of(const std::string& name) {
  std::vector<std::string> parts;
  if (!name.starts_with('/')) return parts;
  for (std::size_t at = 1; at <= name.size();) {
    const std::size_t end = std::min(name.find('/', at), name.size());
    parts.push_back(name.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

/// Modules from the outermost in, each as one name: "layer3", "layer3.1", "layer3.1.relu_1". A part
/// that repeats the one before it (layer3, layer3.1) takes its place.
std::vector<std::string> scopes(const std::vector<std::string>& path, std::size_t from,
                                std::size_t to) {
  std::vector<std::string> names;
  std::string outer, previous;
  for (std::size_t i = from; i < to; ++i) {
    std::string part = path[i];
    part.erase(0, std::min(part.find_first_not_of('_'), part.size()));
    const bool repeats = i > from && path[i].starts_with(path[i - 1] + ".");
    if (!repeats && !previous.empty()) outer = previous + ".";
    previous = outer + part;
    names.push_back(previous);
  }
  return names;
}

/// How many parts at the front of every path are the same, each path's operator left aside.
std::size_t common_front(const std::vector<std::vector<std::string>>& paths) {
  std::size_t common = 0;
  const std::vector<std::string>* first = nullptr;
  for (const auto& path : paths) {
    if (path.empty()) continue;
    if (first == nullptr) {
      first = &path;
      common = path.size() - 1;
    }
    common = std::min(common, path.size() - 1);
    const auto [differs, _] = std::mismatch(
        path.begin(), path.begin() + static_cast<std::ptrdiff_t>(common), first->begin());
    common = static_cast<std::size_t>(differs - path.begin());
  }
  return common;
}

}  // namespace

std::vector<std::vector<std::string>> place_names(
    const std::vector<const onnx::NodeProto*>& nodes) {
  std::vector<std::vector<std::string>> paths;
  paths.reserve(nodes.size());
  for (const onnx::NodeProto* node : nodes) paths.push_back(path_of(node->name()));
  const std::size_t common = common_front(paths);
  std::vector<std::vector<std::string>> modules(nodes.size());
  std::unordered_map<std::string, std::size_t> last;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (paths[i].empty()) continue;
    modules[i] = scopes(paths[i], common, paths[i].size() - 1);
    for (const std::string& module : modules[i]) last[module] = i;
  }
  std::vector<std::vector<std::string>> names(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const std::string& module : modules[i]) {
      if (last[module] == i && !std::ranges::count(names[i], module)) names[i].push_back(module);
    }
    if (!names[i].empty()) continue;
    if (paths[i].empty()) {
      names[i].push_back(nodes[i]->output(0));
    } else {
      names[i].push_back((modules[i].empty() ? "" : modules[i].back() + ".") + paths[i].back());
    }
  }
  return names;
}

}  // namespace caft
