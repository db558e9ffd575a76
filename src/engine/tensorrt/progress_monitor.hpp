// Progress and cancellation of a build.
#pragma once

#include <NvInfer.h>

#include <atomic>
#include <mutex>
#include <string>

#include "caft/core/progress.hpp"
#include "caft/engine/engine.hpp"

namespace caft::tensorrt {

/// Tells `options.progress` of the phase at work and asks `options.cancelled` between steps. The
/// builder calls it from threads of its own.
class BuildProgress final : public nvinfer1::IProgressMonitor {
 public:
  BuildProgress(const PlanOptions& options, std::string backbone);
  void phaseStart(const char* phase, const char* parent, std::int32_t steps) noexcept override;
  bool stepComplete(const char* phase, std::int32_t step) noexcept override;
  void phaseFinish(const char* phase) noexcept override;
  void finish();
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  const PlanOptions& options_;
  std::string backbone_;
  std::mutex mutex_;   ///< guards what follows
  std::string phase_;  ///< the outermost one
  std::int32_t steps_ = 0;
  std::atomic<bool> stopped_{false};
};

}  // namespace caft::tensorrt
