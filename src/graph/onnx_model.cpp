#include "graph/onnx_model.hpp"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "caft_onnx.pb.h"
#include "graph/external_data.hpp"
#include "graph/tensor_data.hpp"

namespace caft {
namespace {

/// Calls `node_visitor(node)` and `tensor_visitor(tensor)` on all of a graph, subgraphs included.
/// Depth is bounded by protobuf's own limit on nested messages.
template <typename NodeVisitor, typename TensorVisitor>
class Walk {
 public:
  Walk(NodeVisitor node, TensorVisitor tensor)
      : node_visitor_(std::move(node)), tensor_visitor_(std::move(tensor)) {}

  void model(const onnx::ModelProto& model) {
    graph(model.graph());
    for (const auto& function : model.functions()) {
      for (const auto& one : function.node()) node(one);
    }
  }

 private:
  void graph(const onnx::GraphProto& graph) {
    for (const auto& tensor : graph.initializer()) tensor_visitor_(tensor);
    for (const auto& sparse : graph.sparse_initializer()) sparse_tensor(sparse);
    for (const auto& one : graph.node()) node(one);
  }

  void node(const onnx::NodeProto& node) {
    node_visitor_(node);
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_t()) tensor_visitor_(attribute.t());
      for (const auto& tensor : attribute.tensors()) tensor_visitor_(tensor);
      if (attribute.has_sparse_tensor()) sparse_tensor(attribute.sparse_tensor());
      for (const auto& sparse : attribute.sparse_tensors()) sparse_tensor(sparse);
      if (attribute.has_g()) graph(attribute.g());
      for (const auto& one : attribute.graphs()) graph(one);
    }
  }

  void sparse_tensor(const onnx::SparseTensorProto& sparse) {
    tensor_visitor_(sparse.values());
    tensor_visitor_(sparse.indices());
  }

  NodeVisitor node_visitor_;
  TensorVisitor tensor_visitor_;
};

bool is_standard(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

OnnxValue to_value(const onnx::ValueInfoProto& info) {
  OnnxValue value{info.name(), info.type().tensor_type().elem_type(), {}};
  for (const auto& dimension : info.type().tensor_type().shape().dim()) {
    const bool known = dimension.has_dim_value() && dimension.dim_value() >= 0;
    value.shape.push_back(known ? dimension.dim_value() : -1);
  }
  return value;
}

[[noreturn]] void reject(const std::filesystem::path& file, const std::string& why,
                         const std::string& remedy = {}) {
  throw Error(ErrorKind::bad_input, file.string() + " " + why, remedy);
}

}  // namespace

OnnxModel::OnnxModel(std::filesystem::path file, std::unique_ptr<onnx::ModelProto> proto)
    : file_(std::move(file)), proto_(std::move(proto)) {}
OnnxModel::OnnxModel(OnnxModel&&) noexcept = default;
OnnxModel& OnnxModel::operator=(OnnxModel&&) noexcept = default;
OnnxModel::~OnnxModel() = default;

OnnxModel OnnxModel::load(const std::filesystem::path& file, std::uint64_t limit) {
  auto proto = std::make_unique<onnx::ModelProto>();
  {
    const std::vector<std::byte> bytes = read_file(file, std::min(limit, max_bytes));
    if (!proto->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      reject(file, "is not an ONNX model, or is truncated", "export or copy it again");
    }
  }
  if (proto->ir_version() <= 0 || !proto->has_graph() || proto->graph().output_size() == 0) {
    reject(file, "is not an ONNX model (no IR version or no graph with outputs)");
  }
  if (proto->opset_import_size() == 0) {
    reject(file, "is not an ONNX model, or is truncated (no operator set)",
           "export or copy it again");
  }
  for (const auto& output : proto->graph().output()) {
    if (output.name().empty()) reject(file, "has an output without a name");
  }
  OnnxModel model(file, std::move(proto));
  try {
    const std::filesystem::path folder = model.folder();
    Walk([](const onnx::NodeProto&) {},
         [&](const onnx::TensorProto& tensor) { check_tensor(tensor, folder); })
        .model(*model.proto_);
  } catch (const Error& error) {
    throw Error(error.kind(), file.string() + ": " + error.what());
  }
  return model;
}

std::filesystem::path OnnxModel::folder() const {
  const std::filesystem::path parent = file_.parent_path();
  return parent.empty() ? std::filesystem::path(".") : parent;
}

std::vector<OnnxValue> OnnxModel::inputs() const {
  std::unordered_set<std::string_view> initialisers;
  for (const auto& tensor : proto_->graph().initializer()) initialisers.insert(tensor.name());
  std::vector<OnnxValue> values;
  for (const auto& info : proto_->graph().input()) {
    if (!initialisers.contains(info.name())) values.push_back(to_value(info));
  }
  return values;
}

std::vector<OnnxValue> OnnxModel::outputs() const {
  std::vector<OnnxValue> values;
  for (const auto& info : proto_->graph().output()) values.push_back(to_value(info));
  return values;
}

std::vector<std::string> OnnxModel::operators() const {
  std::set<std::string> names;
  Walk(
      [&](const onnx::NodeProto& node) {
        names.insert(is_standard(node.domain()) ? node.op_type()
                                                : node.domain() + "::" + node.op_type());
      },
      [](const onnx::TensorProto&) {})
      .model(*proto_);
  return {names.begin(), names.end()};
}

bool OnnxModel::is_quantized() const {
  bool found = false;
  Walk(
      [&](const onnx::NodeProto& node) {
        found = found || (is_standard(node.domain()) && (node.op_type() == "QuantizeLinear" ||
                                                         node.op_type() == "DequantizeLinear"));
      },
      [](const onnx::TensorProto&) {})
      .model(*proto_);
  return found;
}

std::vector<std::filesystem::path> OnnxModel::external_files() const {
  std::vector<std::filesystem::path> files;
  const std::filesystem::path base = folder();
  Walk([](const onnx::NodeProto&) {},
       [&](const onnx::TensorProto& tensor) {
         if (tensor.data_location() != onnx::TensorProto::EXTERNAL) return;
         std::filesystem::path file = resolve_external(tensor, base, byte_count(tensor)).file;
         if (std::ranges::find(files, file) == files.end()) files.push_back(std::move(file));
       })
      .model(*proto_);
  return files;
}

std::map<std::string, std::string> OnnxModel::metadata() const {
  std::map<std::string, std::string> entries;
  for (const auto& entry : proto_->metadata_props()) entries[entry.key()] = entry.value();
  return entries;
}

std::int64_t OnnxModel::opset() const {
  for (const auto& import : proto_->opset_import()) {
    if (is_standard(import.domain())) return import.version();
  }
  return 0;
}

}  // namespace caft
