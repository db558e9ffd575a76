#include "head/torch/standardization.hpp"

#include "head/torch/sample_source.hpp"

namespace caft {

Standardization standardization_of(const SampleSource& source,
                                   std::span<const std::uint32_t> samples) {
  const torch::NoGradGuard no_grad;
  torch::Tensor mean, square;  // f64 [D]: mean, and sum of squared deviations, of the rows so far
  double count = 0;
  source.for_each_block(samples, [&](const torch::Tensor& rows, std::size_t) {
    const auto size = static_cast<double>(rows.size(0));
    const torch::Tensor centre = rows.mean(0);
    const torch::Tensor spread = (rows - centre).square().sum(0).to(torch::kDouble);
    const torch::Tensor middle = centre.to(torch::kDouble);
    if (count == 0) {
      mean = middle;
      square = spread;
    } else {
      const torch::Tensor shift = middle - mean;
      mean += shift * (size / (count + size));
      square += spread + shift.square() * (count * size / (count + size));
    }
    count += size;
  });
  const torch::Tensor deviation = (square / count).sqrt();
  // A constant column's deviation is rounding: its mean was summed in f32.
  const torch::Tensor constant = deviation <= mean.abs() * 1e-6 + 1e-30;
  const torch::Tensor inverse = torch::where(constant, torch::ones_like(deviation), 1 / deviation);
  return {mean.to(torch::kFloat).contiguous(), inverse.to(torch::kFloat).contiguous()};
}

}  // namespace caft
