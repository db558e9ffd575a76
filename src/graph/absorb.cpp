#include "graph/absorb.hpp"

#include <utility>

#include "caft_onnx.pb.h"
#include "graph/tensor_data.hpp"

namespace caft {
namespace {

using onnx::GraphProto;
using onnx::NodeProto;
using onnx::TensorProto;

class Absorber {
 public:
  explicit Absorber(std::filesystem::path folder) : folder_(std::move(folder)) {}

  void model(onnx::ModelProto& model) {
    graph(*model.mutable_graph());
    for (auto& function : *model.mutable_functions()) {
      for (NodeProto& one : *function.mutable_node()) node(one);
    }
  }

 private:
  void graph(GraphProto& graph) {
    graph.clear_value_info();
    for (TensorProto& one : *graph.mutable_initializer()) tensor(one);
    for (auto& sparse : *graph.mutable_sparse_initializer()) sparse_tensor(sparse);
    for (NodeProto& one : *graph.mutable_node()) node(one);
  }

  void node(NodeProto& node) {
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_t()) tensor(*attribute.mutable_t());
      for (TensorProto& one : *attribute.mutable_tensors()) tensor(one);
      if (attribute.has_sparse_tensor()) sparse_tensor(*attribute.mutable_sparse_tensor());
      for (auto& sparse : *attribute.mutable_sparse_tensors()) sparse_tensor(sparse);
      if (attribute.has_g()) graph(*attribute.mutable_g());
      for (GraphProto& one : *attribute.mutable_graphs()) graph(one);
    }
  }

  void sparse_tensor(onnx::SparseTensorProto& sparse) {
    tensor(*sparse.mutable_values());
    tensor(*sparse.mutable_indices());
  }

  void tensor(TensorProto& tensor) {
    if (tensor.data_location() != TensorProto::EXTERNAL) return;
    const TensorData data = read_tensor(tensor, folder_);
    tensor.set_raw_data(data.bytes.data(), data.bytes.size());
    tensor.clear_external_data();
    tensor.clear_data_location();
  }

  std::filesystem::path folder_;
};

}  // namespace

void absorb_external_data(onnx::ModelProto& model, const std::filesystem::path& folder) {
  Absorber(folder).model(model);
}

}  // namespace caft
