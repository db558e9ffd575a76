#include "engine/tensorrt/progress_monitor.hpp"

#include <exception>
#include <utility>

namespace caft::tensorrt {

BuildProgress::BuildProgress(const PlanOptions& options, std::string backbone)
    : options_(options), backbone_(std::move(backbone)) {}

void BuildProgress::phaseStart(const char* phase, const char* parent, std::int32_t steps) noexcept {
  if (parent != nullptr) return;  // inner phases come and go by the hundred
  try {
    const std::lock_guard lock(mutex_);
    phase_ = phase;
    steps_ = steps;
    if (options_.progress != nullptr) {
      options_.progress->update("building " + backbone_, 0, static_cast<std::uint64_t>(steps));
    }
  } catch (const std::exception&) {  // progress is a courtesy: the build goes on without
  }
}

bool BuildProgress::stepComplete(const char* phase, std::int32_t step) noexcept {
  try {
    if (options_.cancelled && options_.cancelled()) stopped_ = true;
    const std::lock_guard lock(mutex_);
    if (options_.progress != nullptr && phase_ == phase) {
      options_.progress->update("building " + backbone_, static_cast<std::uint64_t>(step) + 1,
                                static_cast<std::uint64_t>(steps_));
    }
  } catch (const std::exception&) {  // as above
  }
  return !stopped_;
}

void BuildProgress::phaseFinish(const char* /*phase*/) noexcept {}

void BuildProgress::finish() {
  if (options_.progress != nullptr) options_.progress->finish();
}

}  // namespace caft::tensorrt
