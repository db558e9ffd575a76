#include <algorithm>
#include <set>

#include "caft/core/error.hpp"
#include "serve/server.hpp"

namespace caft::serve {
namespace {

/// Whether one pass of a backbone serves both.
bool share_backbone(const Model& a, const Model& b) {
  return a.exported.empty() && b.exported.empty() &&
         a.backbone.onnx_sha256 == b.backbone.onnx_sha256 &&
         a.backbone.precision == b.backbone.precision && a.backbone.backend == b.backbone.backend &&
         a.preprocessing == b.preprocessing;
}

}  // namespace

std::vector<std::unique_ptr<ImageQueue>> open_queues(std::vector<ServedModel> models,
                                                     const PredictorOptions& how,
                                                     const Options& options) {
  std::set<std::string> names;
  std::vector<std::vector<ServedModel>> groups;
  for (ServedModel& served : models) {
    if (!names.insert(served.name).second)
      throw Error(ErrorKind::usage, "two models are called " + served.name,
                  "name them: NAME=MODEL");
    const auto group = std::ranges::find_if(groups, [&](const std::vector<ServedModel>& one) {
      return share_backbone(one.front().model, served.model);
    });
    if (group == groups.end()) {
      groups.push_back({std::move(served)});
    } else {
      group->push_back(std::move(served));
    }
  }
  std::vector<std::unique_ptr<ImageQueue>> queues;
  for (std::vector<ServedModel>& group : groups) {
    Backbone backbone = open_model_backbone(group.front().model, how);
    queues.push_back(std::make_unique<ImageQueue>(
        std::move(backbone), std::move(group),
        QueueOptions{.batch = static_cast<std::size_t>(options.batch),
                     .delay = options.batch_delay,
                     .most_waiting = options.limits.queued_images,
                     .limits = {.max_pixels = options.limits.pixels}}));
  }
  return queues;
}

}  // namespace caft::serve
