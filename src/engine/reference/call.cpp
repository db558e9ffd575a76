#include "engine/reference/call.hpp"

#include "caft/core/error.hpp"
#include "caft_onnx.pb.h"
#include "engine/views.hpp"

namespace caft::reference {
namespace {

static_assert(float_type == onnx::TensorProto::FLOAT);
constexpr std::int64_t max_elements = std::int64_t{1} << 28;  // 1 GiB of floats

}  // namespace

std::string node_text(const onnx::NodeProto& node) {
  std::string name = node.name();
  if (name.empty() && node.output_size() > 0) name = node.output(0);
  return "node '" + name + "' (" + (node.domain().empty() ? "" : node.domain() + "::") +
         node.op_type() + ")";
}

void Call::fail(const std::string& why) const {
  throw Error(ErrorKind::bad_input, node_text(node_) + ": " + why);
}

const Tensor* Call::optional(std::size_t index) const {
  return index < inputs_.size() ? inputs_[index] : nullptr;
}

const Tensor& Call::input(std::size_t index) const {
  const Tensor* tensor = optional(index);
  if (tensor == nullptr) fail("input " + std::to_string(index) + " is missing");
  return *tensor;
}

const Tensor& Call::real(std::size_t index, std::size_t rank) const {
  const Tensor& tensor = input(index);
  if (!tensor.is_float()) {
    fail("input " + std::to_string(index) + " must hold floats");
  }
  if (rank != 0 && tensor.shape.size() != rank) {
    fail("input " + std::to_string(index) + " has shape " + shape_text(tensor.shape) +
         ", must have " + std::to_string(rank) + " dimensions");
  }
  return tensor;
}

const std::vector<std::int64_t>& Call::known_integers(std::size_t index) const {
  const Tensor& tensor = input(index);
  if (tensor.is_float() ||
      static_cast<std::int64_t>(tensor.integers.size()) != count(tensor.shape)) {
    fail("input " + std::to_string(index) + " must be integers that do not depend on the images");
  }
  return tensor.integers;
}

std::int64_t Call::one_integer(std::size_t index) const {
  const std::vector<std::int64_t>& values = known_integers(index);
  if (values.size() != 1) {
    fail("input " + std::to_string(index) + " must be one integer, has " +
         std::to_string(values.size()));
  }
  return values[0];
}

const onnx::AttributeProto* Call::attribute(std::string_view name) const {
  for (const onnx::AttributeProto& attribute : node_.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

std::int64_t Call::integer(std::string_view name, std::int64_t otherwise) const {
  const onnx::AttributeProto* found = attribute(name);
  return found != nullptr ? found->i() : otherwise;
}

float Call::number(std::string_view name, float otherwise) const {
  const onnx::AttributeProto* found = attribute(name);
  return found != nullptr ? found->f() : otherwise;
}

std::string Call::text(std::string_view name, const std::string& otherwise) const {
  const onnx::AttributeProto* found = attribute(name);
  return found != nullptr ? found->s() : otherwise;
}

std::vector<std::int64_t> Call::integers(std::string_view name,
                                         std::vector<std::int64_t> otherwise) const {
  const onnx::AttributeProto* found = attribute(name);
  if (found == nullptr) return otherwise;
  return {found->ints().begin(), found->ints().end()};
}

std::size_t Call::axis(std::int64_t axis, std::size_t rank) const {
  const auto size = static_cast<std::int64_t>(rank);
  if (axis < -size || axis >= size) {
    fail("axis " + std::to_string(axis) + " is outside " + std::to_string(rank) + " dimensions");
  }
  return static_cast<std::size_t>(axis < 0 ? axis + size : axis);
}

Tensor Call::make(Shape shape) const {
  std::int64_t product = 1;
  for (const std::int64_t size : shape) {
    if (size < 0 || (size > 0 && product > max_elements / size)) {
      fail("its result " + shape_text(shape) + " is not a possible size");
    }
    product *= size;
  }
  Tensor result{float_type, std::move(shape), {}, {}};
  if (!shapes_only_) result.floats.assign(static_cast<std::size_t>(product), 0.0F);
  return result;
}

}  // namespace caft::reference
