#include "head/cuda/row_loader.hpp"

#include <algorithm>
#include <cstring>

#include "head/cuda/kernels.hpp"

namespace caft::cuda {

RowLoader::RowLoader(const TrainingData& data, const fused::StandardizedFeatures& features,
                     fused::ThreadTeam& team, std::size_t piece_rows)
    : data_(data),
      features_(features),
      team_(team),
      piece_rows_(piece_rows),
      row_bytes_(data.features.dim * size_of(data.features.dtype)) {}

void RowLoader::place(Arena& arena) {
  mean_ = arena.place<float>(features_.dim());
  scale_ = arena.place<float>(features_.dim());
  for (std::byte*& raw : raw_) raw = arena.place<std::byte>(piece_rows_ * row_bytes_);
}

void RowLoader::prepare() {
  const std::size_t bytes = features_.dim() * sizeof(float);
  check(cudaMemcpy(mean_, features_.mean().data(), bytes, cudaMemcpyHostToDevice), "means");
  check(cudaMemcpy(scale_, features_.scale().data(), bytes, cudaMemcpyHostToDevice), "scales");
  copies_ = make_stream();
  for (std::size_t i = 0; i < 2; ++i) {
    pinned_[i] = PinnedBuffer<std::byte>(piece_rows_ * row_bytes_);
    copied_[i] = make_event();
    used_[i] = make_event();
  }
}

void RowLoader::gather(std::span<const std::uint32_t> samples, std::byte* out) {
  team_.run([&](int thread) {
    const auto [first, last] = team_.share(samples.size(), thread);
    for (std::size_t i = first; i < last; ++i) {
      std::memcpy(out + i * row_bytes_, features_.row(samples[i]), row_bytes_);
    }
  });
}

void RowLoader::load(std::span<const std::uint32_t> samples, __half* out, cudaStream_t stream) {
  const std::size_t stride = features_.stride();
  while (!samples.empty()) {
    const auto piece = samples.first(std::min(piece_rows_, samples.size()));
    const std::size_t i = next_;
    next_ = 1 - next_;
    check(cudaEventSynchronize(copied_[i].get()), "copying features");
    gather(piece, pinned_[i].data());
    check(cudaStreamWaitEvent(copies_.get(), used_[i].get(), 0), "copying features");
    check(cudaMemcpyAsync(raw_[i], pinned_[i].data(), piece.size() * row_bytes_,
                          cudaMemcpyHostToDevice, copies_.get()),
          "copying features");
    check(cudaEventRecord(copied_[i].get(), copies_.get()), "copying features");
    check(cudaStreamWaitEvent(stream, copied_[i].get(), 0), "copying features");
    standardize(raw_[i], data_.features.dtype == DType::f16,
                static_cast<std::uint32_t>(piece.size()),
                static_cast<std::uint32_t>(features_.dim()), static_cast<std::uint32_t>(stride),
                mean_, scale_, out, stream);
    check(cudaEventRecord(used_[i].get(), stream), "copying features");
    out += piece.size() * stride;
    samples = samples.subspan(piece.size());
  }
}

}  // namespace caft::cuda
