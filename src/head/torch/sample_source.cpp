#include "head/torch/sample_source.hpp"

#include <algorithm>
#include <string>

#include "caft/core/error.hpp"
#include "caft/torch/features.hpp"

namespace caft {

SampleSource::SampleSource(const TrainingData& data)
    : data_(data), rows_(as_tensor(data.features)) {}

torch::Tensor SampleSource::features(std::span<const std::uint32_t> samples) const {
  const torch::Tensor index =
      torch::empty({static_cast<std::int64_t>(samples.size())}, torch::kLong);
  std::ranges::transform(samples, index.data_ptr<std::int64_t>(),
                         [&](std::uint32_t sample) { return data_.row_of[sample]; });
  return rows_.index_select(0, index).to(torch::kFloat);
}

torch::Tensor SampleSource::targets(std::span<const std::uint32_t> samples) const {
  const auto count = static_cast<std::int64_t>(samples.size());
  if (!multi_label()) {
    const torch::Tensor labels = torch::empty({count}, torch::kLong);
    std::ranges::transform(samples, labels.data_ptr<std::int64_t>(),
                           [&](std::uint32_t sample) { return data_.labels[sample]; });
    return labels;
  }
  const torch::Tensor hot = torch::empty({count, static_cast<std::int64_t>(data_.classes)});
  auto* out = hot.data_ptr<float>();
  for (const std::uint32_t sample : samples) {
    const auto row = data_.multi_hot.subspan(sample * data_.classes, data_.classes);
    out =
        std::ranges::transform(row, out, [](std::uint8_t v) { return static_cast<float>(v); }).out;
  }
  return hot;
}

void SampleSource::for_each_block(
    std::span<const std::uint32_t> samples,
    const std::function<void(const torch::Tensor&, std::size_t)>& visit) const {
  const std::size_t block =
      std::max<std::size_t>(1, (std::size_t{64} << 20) / (data_.features.dim * sizeof(float)));
  for (std::size_t from = 0; from < samples.size(); from += block) {
    visit(features(samples.subspan(from, std::min(block, samples.size() - from))), from);
  }
}

void SampleSource::require_finite() const {
  for (const auto samples : {data_.train, data_.val}) {
    for_each_block(samples, [&](const torch::Tensor& rows, std::size_t from) {
      const torch::Tensor good = torch::isfinite(rows).all(1);
      if (good.all().item<bool>()) return;
      const auto at = (~good).nonzero()[0].item<std::int64_t>();
      throw Error(ErrorKind::bad_input,
                  "sample " + std::to_string(samples[from + static_cast<std::size_t>(at)]) +
                      " has a feature that is not finite",
                  "run caft cache verify, then cache again");
    });
  }
}

}  // namespace caft
