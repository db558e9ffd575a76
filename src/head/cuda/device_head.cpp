#include "head/cuda/device_head.hpp"

#include <algorithm>

namespace caft::cuda {
namespace {

/// What cuBLAS recommends for Hopper.
constexpr std::size_t kWorkspace = std::size_t{32} << 20;

// Beyond these the products are large enough for cuBLAS, and the parts of the logits too many.
constexpr std::size_t kSmallMaxBatch = 512;
constexpr std::size_t kSmallMaxParts = std::size_t{32} << 20;  // bytes

std::size_t rounded_up(std::size_t value, std::size_t step) {
  return (value + step - 1) / step * step;
}

std::uint32_t u32(std::size_t value) { return static_cast<std::uint32_t>(value); }

bool suits_small_step(std::size_t dim, const fused::NetworkShape& shape) {
  const std::size_t splits =
      rounded_up(fused::row_stride(dim), kSmallTileInputs) / kSmallTileInputs;
  const std::size_t parts = splits * rounded_up(shape.batch, kSmallRows) *
                            rounded_up(shape.classes, kSmallTileClasses) * sizeof(float);
  return shape.hidden == 0 && shape.batch <= kSmallMaxBatch && shape.classes <= kSmallMaxClasses &&
         parts <= kSmallMaxParts;
}

Matrix half_matrix(const __half* data, std::size_t ld) { return {data, CUDA_R_16F, ld}; }
Matrix float_matrix(const float* data, std::size_t ld) { return {data, CUDA_R_32F, ld}; }

}  // namespace

DeviceHead::DeviceHead(std::size_t dim, const fused::NetworkShape& shape, std::size_t score_rows,
                       bool small, bool overlap, cudaStream_t stream)
    : shape_(shape),
      score_rows_(score_rows),
      stream_(stream),
      small_step_(small && suits_small_step(dim, shape)),
      padded_classes_(small_step_ ? rounded_up(shape.classes, kSmallTileClasses)
                                  : fused::output_stride(shape.classes)),
      padded_hidden_(fused::output_stride(shape.hidden)) {
  std::vector<std::size_t> widths{dim};
  if (shape.hidden > 0) widths.push_back(shape.hidden);
  widths.push_back(shape.classes);
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
    DeviceLayer layer;
    layer.inputs = u32(widths[l]);
    layer.outputs = u32(widths[l + 1]);
    layer.stride = u32(fused::row_stride(widths[l]));
    layers_.push_back(layer);
  }
  gradients_.resize(layers_.size());
  small_.padded_batch = u32(rounded_up(shape.batch, kSmallRows));
  small_.padded_classes = u32(padded_classes_);
  small_.overlap = overlap;
}

std::size_t DeviceHead::padded_outputs(std::size_t layer) const {
  return layer + 1 == layers_.size() ? padded_classes_ : padded_hidden_;
}

void DeviceHead::place(Arena& arena) {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    DeviceLayer& layer = layers_[l];
    const std::size_t size = std::size_t{layer.outputs} * layer.stride;
    layer.weight = arena.place<float>(size);
    layer.first = arena.place<float>(size);
    layer.second = arena.place<float>(size);
    if (small_step_) continue;
    layer.half = arena.place<__half>(padded_outputs(l) * layer.stride);
    gradients_[l] = arena.place<float>(padded_outputs(l) * layer.stride);
  }
  const std::size_t batch = shape_.batch, stride = layers_[0].stride;
  if (small_step_) {
    small_.layer = layers_[0];
    const std::size_t padded = std::size_t{small_.padded_batch} * padded_classes_;
    small_.parts = arena.place<float>(small_.splits() * padded);
    small_.delta_high = arena.place<__half>(padded);
    small_.delta_low = arena.place<__half>(padded);
  } else {
    x_ = arena.place<__half>(batch * stride);
    logits_ = arena.place<float>(batch * padded_classes_);
    delta_ = arena.place<__half>(batch * padded_classes_);
  }
  score_x_ = arena.place<float>(score_rows_ * stride);
  score_logits_ = arena.place<float>(score_rows_ * padded_classes_);
  if (layers_.size() > 1) {
    const std::size_t hidden_stride = layers_[1].stride;
    hidden_ = arena.place<float>(batch * padded_hidden_);
    activation_ = arena.place<__half>(batch * hidden_stride);
    hidden_delta_ = arena.place<__half>(batch * padded_hidden_);
    score_hidden_ = arena.place<float>(score_rows_ * hidden_stride);
  }
  workspace_ = arena.place<std::byte>(kWorkspace);
}

void DeviceHead::prepare() { gemm_ = std::make_unique<Gemm>(stream_, workspace_, kWorkspace); }

void DeviceHead::upload(const std::vector<fused::TrainedLayer>& layers) {
  check(cudaStreamSynchronize(stream_), "training on the GPU");
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const auto copy = [](float* to, const fused::Buffer& from) {
      check(cudaMemcpy(to, from.data(), from.size() * sizeof(float), cudaMemcpyHostToDevice),
            "copying parameters");
    };
    copy(layers_[l].weight, layers[l].weight);
    copy(layers_[l].first, layers[l].first);
    copy(layers_[l].second, layers[l].second);
  }
  // Such copies are on the default stream, which ours does not wait for.
  check(cudaDeviceSynchronize(), "copying parameters");
  if (!small_step_) {
    for (const DeviceLayer& layer : layers_) round_weights(layer, stream_);
  }
}

void DeviceHead::download(std::vector<fused::TrainedLayer>& layers, bool moments) const {
  check(cudaStreamSynchronize(stream_), "training on the GPU");
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const auto copy = [](fused::Buffer& to, const float* from) {
      check(cudaMemcpy(to.data(), from, to.size() * sizeof(float), cudaMemcpyDeviceToHost),
            "copying parameters");
    };
    copy(layers[l].weight, layers_[l].weight);
    if (!moments) continue;
    copy(layers[l].first, layers_[l].first);
    copy(layers[l].second, layers_[l].second);
  }
}

void DeviceHead::enqueue(const Chunk& chunk, const LossTables& tables, std::size_t count) {
  if (small_step_) return enqueue_small(chunk, tables, count);
  std::size_t step = 0;
  for (std::size_t first = 0; first < count; first += shape_.batch, ++step) {
    enqueue_products(chunk, tables, first, std::min(shape_.batch, count - first),
                     chunk.control + step);
  }
}

void DeviceHead::enqueue_small(const Chunk& chunk, const LossTables& tables, std::size_t count) {
  small_.features = chunk.features;
  small_.rows = chunk.rows;
  small_.samples = chunk.samples;
  small_.control = chunk.control;
  small_.row_loss = chunk.row_loss;
  const auto batch_at = [&](std::size_t first) {
    if (first >= count) return SmallBatch{};
    return SmallBatch{u32(first), u32(std::min(shape_.batch, count - first)),
                      u32(first / shape_.batch)};
  };
  small_start(small_, batch_at(0), stream_);
  for (std::size_t first = 0; first < count; first += shape_.batch) {
    small_loss(small_, tables, batch_at(first), stream_);
    small_update(small_, batch_at(first), batch_at(first + shape_.batch), stream_);
  }
}

void DeviceHead::enqueue_products(const Chunk& chunk, const LossTables& tables, std::size_t first,
                                  std::size_t rows, const StepControl* control) {
  const bool mlp = layers_.size() > 1;
  const DeviceLayer& bottom = layers_.front();
  const DeviceLayer& top = layers_.back();
  const Matrix x = half_matrix(x_, bottom.stride);
  const Matrix delta = half_matrix(delta_, padded_classes_);
  const Matrix input = mlp ? half_matrix(activation_, top.stride) : x;  // of the last layer

  gather(chunk.features, bottom.stride, chunk.rows + first, u32(rows), x_, stream_);
  if (mlp) {
    gemm_->nt(rows, padded_hidden_, bottom.stride, x, half_matrix(bottom.half, bottom.stride),
              hidden_, padded_hidden_);
    relu_dropout(hidden_, u32(padded_hidden_), u32(rows), u32(shape_.hidden), top.stride, control,
                 shape_.drop_threshold(), shape_.keep_scale(), activation_, stream_);
  }
  gemm_->nt(rows, padded_classes_, top.stride, input, half_matrix(top.half, top.stride), logits_,
            padded_classes_);
  loss(tables, logits_, u32(padded_classes_), chunk.samples + first, u32(rows), delta_,
       chunk.row_loss + first, stream_);
  gemm_->tn(padded_classes_, top.stride, rows, delta, input, gradients_.back(), top.stride);
  if (mlp) {
    gemm_->nn(rows, padded_hidden_, padded_classes_, delta, half_matrix(top.half, top.stride),
              hidden_, padded_hidden_);
    relu_dropout_backward(hidden_, activation_, top.stride, u32(rows), u32(shape_.hidden),
                          u32(padded_hidden_), shape_.keep_scale(), hidden_delta_, stream_);
    gemm_->tn(padded_hidden_, bottom.stride, rows, half_matrix(hidden_delta_, padded_hidden_), x,
              gradients_.front(), bottom.stride);
    update(bottom, gradients_.front(), control, stream_);
  }
  update(top, gradients_.back(), control, stream_);
}

const float* DeviceHead::logits(const __half* features, const std::uint32_t* index,
                                std::size_t rows) {
  const DeviceLayer& bottom = layers_.front();
  const DeviceLayer& top = layers_.back();
  gather_f32(features, bottom.stride, index, u32(rows), score_x_, stream_);
  Matrix input = float_matrix(score_x_, bottom.stride);
  if (layers_.size() > 1) {
    gemm_->nt(rows, shape_.hidden, bottom.stride, input, float_matrix(bottom.weight, bottom.stride),
              score_hidden_, top.stride);
    relu_f32(score_hidden_, u32(rows), u32(shape_.hidden), top.stride, stream_);
    input = float_matrix(score_hidden_, top.stride);
  }
  gemm_->nt(rows, shape_.classes, top.stride, input, float_matrix(top.weight, top.stride),
            score_logits_, padded_classes_);
  return score_logits_;
}

}  // namespace caft::cuda
