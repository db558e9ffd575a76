#include "head/fused/network.hpp"

#include <algorithm>
#include <cmath>

#include "head/fused/random.hpp"

namespace caft::fused {
namespace {

// A tile's gradient (24 KB) and the slice of inputs it is made from stay in the L1 and L2 caches.
constexpr std::size_t kTileRows = 96, kTileColumns = 4 * kLine;

void initialise(TrainedLayer& layer, std::uint64_t seed, std::uint64_t number) {
  Random random(seed, Random::Stream::weights, number);
  const float limit = 1 / std::sqrt(static_cast<float>(layer.inputs));
  for (std::size_t o = 0; o < layer.outputs; ++o) {
    float* row = layer.weight.data() + o * layer.stride;
    for (std::size_t i = 0; i <= layer.inputs; ++i) row[i] = random.symmetric(limit);
  }
}

}  // namespace

std::uint32_t NetworkShape::drop_threshold() const {
  if (dropout <= 0 || hidden == 0) return 0;
  return static_cast<std::uint32_t>(std::min(dropout * 0x1p32, 0x1p32 - 1));
}

float NetworkShape::keep_scale() const {
  return dropout > 0 && hidden > 0 ? static_cast<float>(1 / (1 - dropout)) : 1.0F;
}

std::vector<TrainedLayer> make_layers(std::size_t dim, const NetworkShape& shape,
                                      std::uint64_t seed) {
  std::vector<std::size_t> widths{dim};
  if (shape.hidden > 0) widths.push_back(shape.hidden);
  widths.push_back(shape.classes);
  std::vector<TrainedLayer> layers;
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
    TrainedLayer layer{.inputs = widths[l],
                       .outputs = widths[l + 1],
                       .stride = row_stride(widths[l]),
                       .weight = {},
                       .first = {},
                       .second = {}};
    const std::size_t size = layer.outputs * layer.stride;
    layer.weight = Buffer(size);
    layer.first = Buffer(size);
    layer.second = Buffer(size);
    if (shape.hidden > 0) initialise(layer, seed, l);
    layers.push_back(std::move(layer));
  }
  return layers;
}

Head head_of(const std::vector<TrainedLayer>& layers, const StandardizedFeatures& features) {
  Head head;
  head.layers.push_back(features.fold(layers[0].weight.span(), layers[0].outputs));
  for (std::size_t l = 1; l < layers.size(); ++l) {
    const TrainedLayer& layer = layers[l];
    DenseLayer dense{.inputs = layer.inputs, .outputs = layer.outputs, .weight = {}, .bias = {}};
    for (std::size_t o = 0; o < layer.outputs; ++o) {
      const float* row = layer.weight.data() + o * layer.stride;
      dense.weight.insert(dense.weight.end(), row, row + layer.inputs);
      dense.bias.push_back(row[layer.inputs]);
    }
    head.layers.push_back(std::move(dense));
  }
  return head;
}

Network::Network(const StandardizedFeatures& features, const Loss& loss, const NetworkShape& shape,
                 std::uint64_t seed, ThreadTeam& team)
    : features_(&features),
      loss_(&loss),
      team_(&team),
      kernels_(&kernels()),
      shape_(shape),
      drop_threshold_(shape.drop_threshold()),
      keep_scale_(shape.keep_scale()),
      layers_(make_layers(features.dim(), shape, seed)),
      row_loss_(shape.batch) {
  for (const TrainedLayer& layer : layers_) {
    inputs_.emplace_back(shape.batch * layer.stride);
    delta_stride_.push_back(output_stride(layer.outputs));
    deltas_.emplace_back(shape.batch * delta_stride_.back());
  }
  plan_tiles();
}

void Network::plan_tiles() {
  std::vector<Tile> all;
  std::size_t cost = 0;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const TrainedLayer& layer = layers_[l];
    const std::size_t parts = (layer.outputs + kTileRows - 1) / kTileRows;
    for (std::size_t p = 0; p < parts; ++p) {
      const std::size_t row = layer.outputs * p / parts;
      const std::size_t rows = layer.outputs * (p + 1) / parts - row;
      for (std::size_t column = 0; column < layer.stride; column += kTileColumns) {
        all.push_back({l, row, rows, column, std::min(kTileColumns, layer.stride - column)});
        cost += rows * all.back().width;
      }
    }
  }
  const auto threads = static_cast<std::size_t>(team_->size());
  cost = std::max<std::size_t>(cost, 1);  // a network without layers
  tiles_.resize(threads);
  std::size_t spent = 0;
  for (const Tile& tile : all) {
    const std::size_t middle = spent + tile.rows * tile.width / 2;
    tiles_[std::min(threads - 1, middle * threads / cost)].push_back(tile);
    spent += tile.rows * tile.width;
  }
  for (std::size_t t = 0; t < threads; ++t) gradients_.emplace_back(kTileRows * kTileColumns);
}

void Network::step(std::span<const std::uint32_t> batch, const Update& update,
                   std::uint64_t dropout_key, int thread, Sums& total) {
  double weight = 0;
  for (const std::uint32_t sample : batch) weight += loss_->weight(sample);
  const double terms =
      loss_->terms(weight);  // a batch whose classes have no weight teaches nothing
  const float scale = terms > 0 ? static_cast<float>(1 / terms) : 0.0F;
  const auto [first, last] = team_->share(batch.size(), thread);
  if (first < last) forward_backward(batch, scale, dropout_key, first, last);
  team_->barrier();
  const auto mine = static_cast<std::size_t>(thread);
  for (const Tile& tile : tiles_[mine]) {
    update_tile(tile, batch.size(), update, gradients_[mine].data());
  }
  if (thread == 0) {
    for (std::size_t r = 0; r < batch.size(); ++r) total.loss += row_loss_[r];
    total.weight += terms;
  }
  team_->barrier();
}

void Network::forward_backward(std::span<const std::uint32_t> batch, float scale,
                               std::uint64_t dropout_key, std::size_t first, std::size_t last) {
  const std::size_t rows = last - first;
  for (std::size_t r = first; r < last; ++r) {
    features_->load(batch[r], inputs_[0].data() + r * layers_[0].stride);
  }
  const std::size_t top = layers_.size() - 1;
  if (top == 1) {
    const TrainedLayer& layer = layers_[0];
    float* hidden = inputs_[1].data() + first * layers_[1].stride;
    kernels_->dot(rows, layer.outputs, layer.stride, inputs_[0].data() + first * layer.stride,
                  layer.stride, layer.weight.data(), layer.stride, nullptr, hidden,
                  layers_[1].stride);
    for (std::size_t r = 0; r < rows; ++r) {
      float* row = hidden + r * layers_[1].stride;
      const auto key = static_cast<std::uint32_t>(
          Random(dropout_key, Random::Stream::dropout, first + r).next());
      kernels_->relu_dropout(row, layer.outputs, key, drop_threshold_, keep_scale_);
      row[layer.outputs] = 1;  // the column that the next layer's bias multiplies
    }
  }
  const TrainedLayer& out = layers_[top];
  const std::size_t ld = delta_stride_[top];
  float* logits = deltas_[top].data() + first * ld;
  kernels_->dot(rows, out.outputs, out.stride, inputs_[top].data() + first * out.stride, out.stride,
                out.weight.data(), out.stride, nullptr, logits, ld);
  for (std::size_t r = 0; r < rows; ++r) {
    row_loss_[first + r] = loss_->backward(batch[first + r], logits + r * ld, scale);
  }
  if (top == 1) {
    const std::size_t hidden = layers_[0].outputs;
    float* delta = deltas_[0].data() + first * delta_stride_[0];
    kernels_->outer(rows, hidden, out.outputs, logits, 1, ld, out.weight.data(), out.stride, delta,
                    delta_stride_[0], false);
    for (std::size_t r = 0; r < rows; ++r) {
      kernels_->relu_dropout_backward(delta + r * delta_stride_[0],
                                      inputs_[1].data() + (first + r) * out.stride, hidden,
                                      keep_scale_);
    }
  }
}

void Network::update_tile(const Tile& tile, std::size_t batch, const Update& update,
                          float* gradient) {
  TrainedLayer& layer = layers_[tile.layer];
  const std::size_t ld = delta_stride_[tile.layer];
  kernels_->outer(tile.rows, tile.width, batch, deltas_[tile.layer].data() + tile.row, ld, 1,
                  inputs_[tile.layer].data() + tile.column, layer.stride, gradient, kTileColumns,
                  false);
  for (std::size_t r = 0; r < tile.rows; ++r) {
    const std::size_t at = (tile.row + r) * layer.stride + tile.column;
    if (update.adamw) {
      kernels_->adamw(layer.weight.data() + at, gradient + r * kTileColumns,
                      layer.first.data() + at, layer.second.data() + at, tile.width,
                      update.adamw_step);
    } else {
      kernels_->sgd(layer.weight.data() + at, gradient + r * kTileColumns, layer.first.data() + at,
                    tile.width, update.sgd_step);
    }
  }
}

std::vector<float> Network::logits(std::span<const std::uint32_t> samples) const {
  std::vector<float> result(samples.size() * shape_.classes);
  team_->run([&](int thread) {
    constexpr std::size_t kRows = 32;
    const auto [first, last] = team_->share(samples.size(), thread);
    if (first == last) return;
    Buffer input(kRows * layers_[0].stride);
    Buffer hidden(layers_.size() > 1 ? kRows * layers_[1].stride : 0);
    for (std::size_t start = first; start < last; start += kRows) {
      const std::size_t count = std::min(kRows, last - start);
      for (std::size_t r = 0; r < count; ++r) {
        features_->load(samples[start + r], input.data() + r * layers_[0].stride);
      }
      const float* from = input.data();
      if (layers_.size() > 1) {
        const std::size_t stride = layers_[1].stride;
        kernels_->dot(count, layers_[0].outputs, layers_[0].stride, from, layers_[0].stride,
                      layers_[0].weight.data(), layers_[0].stride, nullptr, hidden.data(), stride);
        for (std::size_t r = 0; r < count; ++r) {
          kernels_->relu_dropout(hidden.data() + r * stride, layers_[0].outputs, 0, 0, 1);
          hidden.data()[r * stride + layers_[0].outputs] = 1;
        }
        from = hidden.data();
      }
      const TrainedLayer& out = layers_.back();
      kernels_->dot(count, out.outputs, out.stride, from, out.stride, out.weight.data(), out.stride,
                    nullptr, result.data() + start * shape_.classes, shape_.classes);
    }
  });
  return result;
}

}  // namespace caft::fused
