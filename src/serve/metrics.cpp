#include "serve/metrics.hpp"

#include <fmt/format.h>

#include <iterator>

namespace caft::serve {
namespace {

void line(std::string& out, const char* name, const std::string& labels, double value) {
  fmt::format_to(std::back_inserter(out), "{}{} {}\n", name,
                 labels.empty() ? "" : "{" + labels + "}", value);
}

/// A label's value as Prometheus quotes it.
std::string quoted(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '\\' || c == '"') safe += '\\';
    if (c == '\n') {
      safe += "\\n";
    } else {
      safe += c;
    }
  }
  return safe;
}

}  // namespace

void HttpMetrics::count(const std::string& route, int status, double seconds) {
  {
    const std::lock_guard lock(mutex_);
    ++requests_[{route, status}];
  }
  seconds_.observe(seconds);
}

void HttpMetrics::write(std::string& out) const {
  out += "# TYPE caft_requests_total counter\n";
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, count] : requests_) {
      line(out, "caft_requests_total",
           fmt::format("route=\"{}\",code=\"{}\"", key.first, key.second),
           static_cast<double>(count));
    }
  }
  out += "# TYPE caft_request_seconds histogram\n";
  seconds_.write(out, "caft_request_seconds", "");
  out += "# TYPE caft_connections gauge\n";
  line(out, "caft_connections", "", static_cast<double>(connections));
  for (const auto& [name, value] :
       {std::pair{"caft_refused_connections_total", refused_connections.load()},
        {"caft_timeouts_total", timeouts.load()},
        {"caft_malformed_requests_total", malformed.load()}}) {
    fmt::format_to(std::back_inserter(out), "# TYPE {} counter\n{} {}\n", name, name, value);
  }
}

void write_metrics(std::string& out, const QueueMetrics& metrics, const std::string& backbone,
                   std::size_t waiting) {
  const std::string labels = "backbone=\"" + quoted(backbone) + "\"";
  line(out, "caft_queue_images", labels, static_cast<double>(waiting));
  line(out, "caft_images_total", labels, static_cast<double>(metrics.images));
  line(out, "caft_bad_images_total", labels, static_cast<double>(metrics.bad_images));
  line(out, "caft_engine_failures_total", labels, static_cast<double>(metrics.failures));
  metrics.batch.write(out, "caft_batch_images", labels);
  metrics.wait.write(out, "caft_queue_wait_seconds", labels);
  metrics.engine.write(out, "caft_engine_seconds", labels);
}

}  // namespace caft::serve
