#include "caft/torch/features.hpp"

#include "caft/core/error.hpp"

namespace caft {
namespace {

torch::ScalarType scalar_type(DType dtype) {
  if (dtype == DType::f32) return torch::kFloat;
  if (dtype == DType::f16) return torch::kHalf;
  throw Error(ErrorKind::usage, "features are f32 or f16, not " + std::string(to_string(dtype)));
}

}  // namespace

torch::Tensor as_tensor(const FeatureView& features) {
  const torch::ScalarType type = scalar_type(features.dtype);
  if (features.data == nullptr && features.rows * features.dim != 0) {
    throw Error(ErrorKind::usage, "the features have no data");
  }
  // from_blob takes no const pointer; the callers only read.
  return torch::from_blob(
      const_cast<void*>(features.data),
      {static_cast<std::int64_t>(features.rows), static_cast<std::int64_t>(features.dim)},
      torch::TensorOptions().dtype(type));
}

torch::Tensor as_tensor(const FeatureMatrix& features) {
  const torch::ScalarType type = scalar_type(features.dtype);
  if (!features.data && features.rows * features.dim != 0) {
    throw Error(ErrorKind::usage, "the features have no data");
  }
  return torch::from_blob(
      features.data.get(),
      {static_cast<std::int64_t>(features.rows), static_cast<std::int64_t>(features.dim)},
      [owner = features.data](void*) mutable { owner.reset(); },
      torch::TensorOptions().dtype(type));
}

}  // namespace caft
