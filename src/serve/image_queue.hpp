// Images of many requests, gathered into batches for one backbone and the heads on it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "caft/extract/backbone.hpp"
#include "caft/image/image.hpp"
#include "caft/model/model.hpp"
#include "serve/metrics.hpp"

namespace caft::serve {

/// One classifier by the name that clients call it.
struct ServedModel {
  std::string name;
  Model model;
};

/// What became of one image.
struct ImageResult {
  std::vector<std::vector<float>> probabilities;  ///< one vector a model of the queue, in order
  std::string error;           ///< not empty: there are no probabilities, and this is why
  bool servers_fault = false;  ///< the engine failed, not the image
};

/// An image on its way: encoded bytes, or pixels.
struct ImageJob {
  std::string encoded;                    ///< a whole file
  std::optional<Image> pixels;            ///< instead of `encoded`
  std::function<void(ImageResult)> done;  ///< called once, from a worker's thread
  std::chrono::steady_clock::time_point since{};
};

struct QueueOptions {
  std::size_t batch = 0;  ///< 0: the engine's
  std::chrono::microseconds delay{1000};
  std::size_t most_waiting = 256;
  DecodeLimits limits;
};

/// Each worker takes a batch, decodes it, runs it and scores it with every head: the arrangement of
/// extract(), fed by requests. A batch is closed when it is full or its first image has waited for
/// `delay`. Thread-safe. Its destructor finishes what was taken in.
class ImageQueue {
 public:
  /// Runs a full batch and one of a single image in each worker's context before it returns.
  ImageQueue(Backbone backbone, std::vector<ServedModel> models, const QueueOptions& options);
  ImageQueue(const ImageQueue&) = delete;
  ImageQueue& operator=(const ImageQueue&) = delete;
  ~ImageQueue();

  /// Takes all of `jobs`, or none and returns false when they do not fit.
  bool submit(std::vector<ImageJob> jobs);

  [[nodiscard]] const std::vector<ServedModel>& models() const { return models_; }
  [[nodiscard]] const Backbone& backbone() const { return backbone_; }
  [[nodiscard]] const QueueMetrics& metrics() const { return metrics_; }
  [[nodiscard]] std::size_t waiting() const;

 private:
  class Worker;
  std::vector<ImageJob> take();

  Backbone backbone_;
  std::vector<ServedModel> models_;
  QueueOptions options_;
  QueueMetrics metrics_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<ImageJob> jobs_;
  bool stopping_ = false;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::jthread> threads_;  ///< last: they end before what they use
};

}  // namespace caft::serve
