// What the server answers, by address.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "serve/http.hpp"
#include "serve/image_queue.hpp"
#include "serve/metrics.hpp"
#include "serve/options.hpp"

namespace caft::serve {

/// A model and the queue that it is served by.
struct ModelPlace {
  ImageQueue* queue = nullptr;
  std::size_t index = 0;  ///< in queue->models()
  [[nodiscard]] const ServedModel& served() const { return queue->models()[index]; }
};

/// Routes requests:
///   GET  /v2/health/live, /v2/health/ready, /v2, /v2/models, /v2/models/NAME[/ready]
///   POST /v2/models/NAME/infer, /v2/repository/index     Open Inference Protocol v2
///   POST /v1/classify?model=NAME&top=N                   an image, or a form with images
///   GET  /metrics, /                                     Prometheus; the page
/// Thread-safe.
class Service {
 public:
  Service(std::vector<std::unique_ptr<ImageQueue>> queues, const Options& options);

  /// Whether the address may be asked for without the token: health, and the page.
  [[nodiscard]] static bool is_open(const std::string& path);
  /// Never throws: what fails becomes a reply that says why.
  boost::asio::awaitable<Reply> answer(Request request);

  /// Finishes what was taken in and ends the workers. Nothing may be asked afterwards.
  void close() { queues_.clear(); }

  HttpMetrics http;
  std::atomic<bool> draining{false};

 private:
  boost::asio::awaitable<Reply> route(Request& request);
  boost::asio::awaitable<Reply> classify(Request& request);
  boost::asio::awaitable<Reply> infer(const ModelPlace& place, Request& request);
  /// The results of `jobs` in order. Throws HttpError(503) when the queue is full.
  boost::asio::awaitable<std::vector<ImageResult>> run(ImageQueue& queue,
                                                       std::vector<ImageJob> jobs);
  Reply model_reply(const Request& request, const std::string& rest);
  [[nodiscard]] const ModelPlace& find(const std::string& name) const;
  [[nodiscard]] Reply metrics() const;

  std::vector<std::unique_ptr<ImageQueue>> queues_;
  std::vector<ModelPlace> models_;
  Limits limits_;
};

}  // namespace caft::serve
