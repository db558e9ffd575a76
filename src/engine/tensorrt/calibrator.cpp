#include "engine/tensorrt/calibrator.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <exception>
#include <vector>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "caft/core/hash.hpp"
#include "core/log.hpp"
#include "cuda/runtime.hpp"
#include "engine/tensorrt/plan_store.hpp"

// Calibrators are deprecated in TensorRT 10 and gone in 11.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace caft::tensorrt {

#if NV_TENSORRT_MAJOR == 10

namespace {

class EntropyCalibrator final : public nvinfer1::IInt8EntropyCalibrator2 {
 public:
  EntropyCalibrator(const Calibration& calibration, std::size_t image_bytes,
                    std::filesystem::path cache)
      : calibration_(calibration),
        cache_file_(std::move(cache)),
        pixels_(image_bytes * static_cast<std::size_t>(calibration.batch)),
        device_(pixels_.size()) {}

  std::int32_t getBatchSize() const noexcept override { return calibration_.batch; }

  bool getBatch(void* bindings[], const char* /*names*/[], std::int32_t count) noexcept override {
    try {
      if (count != 1 || !calibration_.next(pixels_)) return false;
      cuda::check(
          cudaMemcpy(device_.data(), pixels_.data(), pixels_.size(), cudaMemcpyHostToDevice),
          "copying calibration images");
      bindings[0] = device_.data();
      return true;
    } catch (...) {
      failure_ = std::current_exception();
      return false;
    }
  }

  const void* readCalibrationCache(std::size_t& length) noexcept override {
    length = 0;
    try {
      if (!std::filesystem::exists(cache_file_)) return nullptr;
      cache_ = read_file(cache_file_);
      length = cache_.size();
      return cache_.data();
    } catch (const std::exception& error) {
      log_debug("the calibration cache is not used: {}", error.what());
      return nullptr;
    }
  }

  void writeCalibrationCache(const void* bytes, std::size_t length) noexcept override {
    if (failure_) return;  // of images that were not all seen
    try {
      write_file_atomically(cache_file_, {static_cast<const std::byte*>(bytes), length});
    } catch (const std::exception& error) {
      log_debug("the calibration cache is not kept: {}", error.what());
    }
  }

 private:
  const Calibration& calibration_;
  std::filesystem::path cache_file_;
  std::vector<std::uint8_t> pixels_;
  cuda::DeviceBuffer<std::uint8_t> device_;
  std::vector<std::byte> cache_;
  std::exception_ptr failure_;
};

}  // namespace

bool has_calibrators() { return true; }

std::shared_ptr<void> make_calibrator(nvinfer1::IBuilder& builder,
                                      nvinfer1::INetworkDefinition& network,
                                      nvinfer1::IBuilderConfig& options, const BuildPlan& plan) {
  const Calibration& calibration = *plan.config.plan.calibration;
  nvinfer1::ITensor& input = *network.getInput(0);
  nvinfer1::Dims shape = input.getDimensions();
  std::size_t image_bytes = 1;
  for (int i = 1; i < shape.nbDims; ++i) image_bytes *= static_cast<std::size_t>(shape.d[i]);
  shape.d[0] = calibration.batch;
  nvinfer1::IOptimizationProfile* profile = builder.createOptimizationProfile();
  for (const auto which : {nvinfer1::OptProfileSelector::kMIN, nvinfer1::OptProfileSelector::kOPT,
                           nvinfer1::OptProfileSelector::kMAX}) {
    profile->setDimensions(input.getName(), which, shape);
  }
  options.setCalibrationProfile(profile);
  const std::string graph = sha256(std::as_bytes(std::span(plan.onnx)));
  auto calibrator = std::make_shared<EntropyCalibrator>(
      calibration, image_bytes,
      store_folder(plan.config.plan.store) /
          fmt::format("calibration-{}-{}.cache", graph.substr(0, 16), calibration.id));
  options.setInt8Calibrator(calibrator.get());
  return calibrator;
}

#else

bool has_calibrators() { return false; }

std::shared_ptr<void> make_calibrator(nvinfer1::IBuilder& /*builder*/,
                                      nvinfer1::INetworkDefinition& /*network*/,
                                      nvinfer1::IBuilderConfig& /*options*/,
                                      const BuildPlan& /*plan*/) {
  throw Error(ErrorKind::usage, "this TensorRT has no calibrators");
}

#endif

}  // namespace caft::tensorrt
