#include "caft/core/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace caft {
namespace {

using Clock = std::chrono::steady_clock;

std::string duration_text(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

}  // namespace

ConsoleProgress::ConsoleProgress() : terminal_(::isatty(STDERR_FILENO) == 1) {}

void ConsoleProgress::update(const std::string& label, std::uint64_t done, std::uint64_t total) {
  const std::lock_guard lock(mutex_);
  const Clock::time_point now = Clock::now();
  if (label != label_) {
    if (!label_.empty()) print(true);
    label_ = label;
    start_ = last_ = now;
    printed_ = false;
  }
  done_ = done;
  total_ = total;
  const auto interval = terminal_ ? std::chrono::milliseconds(100) : std::chrono::seconds(5);
  if (now - last_ >= interval) {
    last_ = now;
    print(false);
  }
}

void ConsoleProgress::finish() {
  const std::lock_guard lock(mutex_);
  if (!label_.empty()) print(true);
  label_.clear();
}

void ConsoleProgress::print(bool final) {
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  // A stage that was over before its first line would only be noise.
  if (final && !printed_ && (!terminal_ || seconds < 0.5)) return;
  const double rate = seconds > 0 ? static_cast<double>(done_) / seconds : 0;
  std::string line = fmt::format("{}: {}", label_, done_);
  if (total_ > 0) line += fmt::format(" of {}", total_);
  line += fmt::format(", {:.4g}/s", rate);
  if (final) {
    line += ", took " + duration_text(seconds);
  } else if (total_ > done_ && rate > 0) {
    line += ", " + duration_text(static_cast<double>(total_ - done_) / rate) + " left";
  }
  std::fprintf(stderr, terminal_ ? "\r\033[K%s%s" : "%s%s", line.c_str(),
               terminal_ && !final ? "" : "\n");
  std::fflush(stderr);
  printed_ = true;
}

}  // namespace caft
