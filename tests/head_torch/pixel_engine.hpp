// A tiny engine for tests: features are weighted sums of the pixels.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "caft/core/error.hpp"
#include "caft/engine/engine.hpp"

namespace caft::testing {

/// Images [N, 3, 4, 4] f32, or [N, 4, 4, 3] u8; features [N, 6, 1, 1] f32: feature d is the sum of
/// ((d + 1) * (i + 1) mod 7 - 3) * pixel i, times `gain`. Counts batches; refuses sizes that its
/// range excludes.
class PixelEngine final : public Engine {
 public:
  static constexpr std::int64_t kPixels = 48, kDim = 6;

  explicit PixelEngine(DType input, BatchRange range = {1, 4, 8}, float gain = 0.25F)
      : range_(range), gain_(gain) {
    inputs_ = {{"images", input,
                input == DType::u8 ? std::vector<std::int64_t>{-1, 4, 4, 3}
                                   : std::vector<std::int64_t>{-1, 3, 4, 4}}};
    outputs_ = {{"features", DType::f32, {-1, kDim, 1, 1}}};
  }

  const std::vector<TensorInfo>& inputs() const override { return inputs_; }
  const std::vector<TensorInfo>& outputs() const override { return outputs_; }
  BatchRange batch() const override { return range_; }
  Precision precision() const override { return Precision::fp32; }
  Device device() const override { return device_; }
  int preferred_contexts() const override { return 1; }
  std::string description() const override { return "pixel sums"; }
  std::unique_ptr<Context> create_context() override { return std::make_unique<Run>(*this); }

  void pretend_device(Device device) { device_ = device; }
  int batches_run = 0;

 private:
  class Run final : public Context {
   public:
    explicit Run(PixelEngine& engine) : engine_(engine) {}
    void infer(std::span<const TensorView> in, std::span<const TensorView> out) override {
      const std::int64_t count = in[0].shape[0];
      if (count < engine_.range_.min || count > engine_.range_.max || out[0].shape[0] != count ||
          in[0].name != "images" || out[0].name != "features") {
        throw Error(ErrorKind::usage, "the test's engine got a wrong view");
      }
      ++engine_.batches_run;
      for (std::int64_t n = 0; n < count; ++n) {
        for (std::int64_t d = 0; d < kDim; ++d) {
          float sum = 0;
          for (std::int64_t i = 0; i < kPixels; ++i) {
            const float pixel = in[0].dtype == DType::u8
                                    ? static_cast<std::uint8_t*>(in[0].data)[n * kPixels + i]
                                    : static_cast<float*>(in[0].data)[n * kPixels + i];
            sum += static_cast<float>((d + 1) * (i + 1) % 7 - 3) * pixel;
          }
          static_cast<float*>(out[0].data)[n * kDim + d] = engine_.gain_ * sum;
        }
      }
    }

   private:
    PixelEngine& engine_;
  };

  BatchRange range_;
  float gain_;
  Device device_;
  std::vector<TensorInfo> inputs_, outputs_;
};

}  // namespace caft::testing
