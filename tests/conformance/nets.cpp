#include "conformance/nets.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "caft/core/safetensors.hpp"

namespace caft::test {

Batch Batch::slice(std::int64_t first, std::int64_t count) const {
  const auto size = static_cast<std::ptrdiff_t>(row_size());
  Batch part{{values.begin() + first * size, values.begin() + (first + count) * size}, shape};
  part.shape.front() = count;
  return part;
}

std::filesystem::path net(const std::string& name) {
  return std::filesystem::path(CAFT_CONFORMANCE_NETS) / (name + ".onnx");
}

Batch recorded(const std::string& name, const std::string& tensor) {
  const SafeTensorsFile file =
      SafeTensorsFile::open(std::filesystem::path(CAFT_CONFORMANCE_NETS) / (name + ".safetensors"));
  const auto& shape = file.tensor(tensor).shape;
  return {file.read_f32(tensor), {shape.begin(), shape.end()}};
}

Batch run(Context& context, const Engine& engine, const Batch& images, const std::string& output) {
  std::map<std::string, Batch> results;
  std::vector<TensorView> outputs;
  for (const TensorInfo& info : engine.outputs()) {
    Batch& result = results[info.name];
    result.shape = info.shape;
    result.shape.front() = images.rows();
    std::size_t count = 1;
    for (const std::int64_t size : result.shape) count *= static_cast<std::size_t>(size);
    result.values.assign(count, std::nanf(""));  // whatever is not written shows
    outputs.push_back({info.name, result.values.data(), info.dtype, result.shape, {}, {}, nullptr});
  }
  const TensorView input{
      "images", const_cast<float*>(images.values.data()), DType::f32, images.shape, {}, {},
      nullptr};
  context.infer({&input, 1}, outputs);
  return results.at(output);
}

double relative_error(std::span<const float> expected, std::span<const float> actual) {
  if (expected.size() != actual.size()) return INFINITY;
  double largest = 0, difference = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (!std::isfinite(actual[i])) return INFINITY;
    largest = std::max(largest, std::abs(static_cast<double>(expected[i])));
    difference = std::max(difference, std::abs(static_cast<double>(expected[i]) - actual[i]));
  }
  return difference / largest;
}

}  // namespace caft::test
