// The Open Inference Protocol v2 over HTTP, as KServe and Triton speak it, with Triton's binary
// tensor and classification extensions.
#pragma once

#include <string>
#include <vector>

#include "serve/http.hpp"
#include "serve/image_queue.hpp"
#include "serve/options.hpp"

namespace caft::serve {

nlohmann::json server_metadata();
/// Input `image` BYTES [-1]: encoded files. Outputs `probabilities` FP32 [-1, classes] and `class`
/// BYTES [-1], the most probable one.
nlohmann::json model_metadata(const ServedModel& served, const Backbone& backbone);

/// An output that a client asked for.
struct WantedOutput {
  std::string name;
  bool binary = false;
  int classification = 0;  ///< over 0: so many "probability:index:class" texts instead
};

struct InferRequest {
  std::string id;
  std::vector<ImageJob> images;
  std::vector<WantedOutput> outputs;
};

/// Reads JSON, or JSON with binary tensors after it. Inputs: `image`, encoded files (in JSON as
/// base64 with the parameter "content_type": "base64"); or instead `pixels` UINT8 [batch, height,
/// width, 3] RGB of any size. Throws HttpError(400 | 413).
InferRequest parse_infer(const Request& request, const Limits& limits);

/// `rows`: probabilities, one vector an image.
Reply infer_reply(const InferRequest& request, const ServedModel& served,
                  const std::vector<std::vector<float>>& rows);

}  // namespace caft::serve
