// The HTTP server: accepts, answers, drains.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "caft/model/predictor.hpp"
#include "serve/image_queue.hpp"
#include "serve/options.hpp"

namespace caft::serve {

/// Opens each model's backbone, one for all models that share it (same file, preprocessing,
/// precision), and starts a queue a backbone. Throws what opening throws, Error(usage) when two
/// models have one name.
std::vector<std::unique_ptr<ImageQueue>> open_queues(std::vector<ServedModel> models,
                                                     const PredictorOptions& how,
                                                     const Options& options);

/// Serves until SIGTERM or SIGINT, then takes no more connections, answers what came in, and
/// returns, after `options.drain` at the latest. Throws Error(io) when the address cannot be had.
void serve(std::vector<std::unique_ptr<ImageQueue>> queues, const Options& options);

}  // namespace caft::serve
