#include "caft/head/head.hpp"

#include <algorithm>
#include <string_view>

#include "caft/core/error.hpp"
#include "caft/core/safetensors.hpp"
#include "head/fused/kernels.hpp"
#include "head/fused/thread_team.hpp"

namespace caft {
namespace {

constexpr std::string_view kFormat = "caft-head-1";
constexpr std::size_t kMaxLayers = 64;
constexpr std::size_t kMaxWidth = std::size_t{1} << 24;

/// Two buffers that take turns as a layer's input and output.
struct Scratch {
  std::vector<float> from, to;
};

void forward(const Head& head, const float* features, std::size_t rows, Scratch& scratch,
             float* logits) {
  const auto& kernels = fused::kernels();
  const float* input = features;
  for (std::size_t l = 0; l < head.layers.size(); ++l) {
    const DenseLayer& layer = head.layers[l];
    const bool last = l + 1 == head.layers.size();
    if (!last) scratch.to.resize(rows * layer.outputs);
    float* output = last ? logits : scratch.to.data();
    kernels.dot(rows, layer.outputs, layer.inputs, input, layer.inputs, layer.weight.data(),
                layer.inputs, layer.bias.data(), output, layer.outputs);
    if (last) break;
    for (float& value : scratch.to) value = std::max(value, 0.0F);
    std::swap(scratch.from, scratch.to);
    input = scratch.from.data();
  }
}

void require_consistent(const Head& head) {
  if (head.layers.empty()) throw Error(ErrorKind::usage, "a head needs at least one layer");
  std::size_t inputs = head.inputs();
  for (const DenseLayer& layer : head.layers) {
    if (layer.inputs != inputs || layer.inputs == 0 || layer.outputs == 0 ||
        layer.weight.size() != layer.inputs * layer.outputs || layer.bias.size() != layer.outputs) {
      throw Error(ErrorKind::usage, "a head's layers do not fit together");
    }
    inputs = layer.outputs;
  }
}

std::string tensor_name(std::size_t layer, const char* part) {
  return "layers." + std::to_string(layer) + "." + part;
}

/// Reads layer `index`; `inputs` is what the layer before gives, 0 for the first.
DenseLayer read_layer(const SafeTensorsFile& file, std::size_t index, std::size_t inputs,
                      const std::string& where) {
  const SafeTensorInfo& weight = file.tensor(tensor_name(index, "weight"));
  const SafeTensorInfo& bias = file.tensor(tensor_name(index, "bias"));
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorKind::bad_input, where + ": layer " + std::to_string(index) + " " + why);
  };
  if (weight.dtype != DType::f32 || bias.dtype != DType::f32) refuse("is not F32");
  if (weight.shape.size() != 2 || bias.shape.size() != 1 || weight.shape[0] != bias.shape[0]) {
    refuse("needs weight [outputs, inputs] and bias [outputs]");
  }
  if (weight.shape[0] == 0 || weight.shape[1] == 0 || weight.shape[0] > kMaxWidth ||
      weight.shape[1] > kMaxWidth) {
    refuse("has an empty or absurd shape");
  }
  if (inputs != 0 && weight.shape[1] != inputs) refuse("does not fit the layer before it");
  DenseLayer layer{.inputs = weight.shape[1],
                   .outputs = weight.shape[0],
                   .weight = file.read_f32(weight.name),
                   .bias = file.read_f32(bias.name)};
  const auto finite = [](float value) { return value - value == 0; };
  if (!std::ranges::all_of(layer.weight, finite) || !std::ranges::all_of(layer.bias, finite)) {
    refuse("holds NaN or infinity");
  }
  return layer;
}

}  // namespace

std::vector<float> Head::logits(std::span<const float> features, std::size_t rows) const {
  require_consistent(*this);
  if (features.size() != rows * inputs()) {
    throw Error(ErrorKind::usage, "the head takes " + std::to_string(inputs()) +
                                      " features a row, but " + std::to_string(rows) +
                                      " rows came as " + std::to_string(features.size()) +
                                      " values");
  }
  std::vector<float> result(rows * classes());
  std::size_t work = 0;
  for (const DenseLayer& layer : layers) work += rows * layer.weight.size();
  // Below some milliseconds of work, starting threads costs more than it gains, and a server's
  // callers are parallel already.
  constexpr std::size_t kWorthThreads = std::size_t{1} << 28;
  const auto part = [&](std::size_t first, std::size_t last) {
    constexpr std::size_t kBlock = 64;  // hidden activations stay in the cache
    Scratch scratch;
    for (std::size_t row = first; row < last; row += kBlock) {
      forward(*this, features.data() + row * inputs(), std::min(kBlock, last - row), scratch,
              result.data() + row * classes());
    }
  };
  if (work < kWorthThreads) {
    part(0, rows);
  } else {
    fused::ThreadTeam team(0);
    team.run([&](int i) {
      const auto [first, last] = team.share(rows, i);
      part(first, last);
    });
  }
  return result;
}

void Head::save(const std::filesystem::path& file) const {
  require_consistent(*this);
  std::vector<SafeTensorSpec> specs;
  std::vector<std::span<const std::byte>> data;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const DenseLayer& layer = layers[l];
    specs.push_back({tensor_name(l, "weight"), DType::f32, {layer.outputs, layer.inputs}});
    data.push_back(std::as_bytes(std::span(layer.weight)));
    specs.push_back({tensor_name(l, "bias"), DType::f32, {layer.outputs}});
    data.push_back(std::as_bytes(std::span(layer.bias)));
  }
  write_safetensors(file, specs, data, {{"format", std::string(kFormat)}, {"kind", kind}});
}

Head Head::load(const std::filesystem::path& path) {
  const SafeTensorsFile file = SafeTensorsFile::open(path);
  const auto& metadata = file.metadata();
  const auto format = metadata.find("format");
  if (format == metadata.end() || format->second != kFormat) {
    throw Error(ErrorKind::bad_input, path.string() + " is not a head: its metadata lacks format " +
                                          std::string(kFormat));
  }
  const auto kind = metadata.find("kind");
  if (kind == metadata.end() || kind->second.empty()) {
    throw Error(ErrorKind::bad_input, path.string() + " is not a head: its metadata lacks a kind");
  }
  const std::size_t count = file.tensors().size() / 2;
  if (count == 0 || count > kMaxLayers || file.tensors().size() % 2 != 0) {
    throw Error(ErrorKind::bad_input, path.string() + " is not a head: it holds " +
                                          std::to_string(file.tensors().size()) +
                                          " tensors, not a weight and a bias for each of 1 to " +
                                          std::to_string(kMaxLayers) + " layers");
  }
  Head head;
  head.kind = kind->second;
  for (std::size_t l = 0; l < count; ++l) {
    const std::size_t inputs = l == 0 ? 0 : head.layers.back().outputs;
    head.layers.push_back(read_layer(file, l, inputs, path.string()));
  }
  return head;
}

}  // namespace caft
