#include "engine/config.hpp"

#include <cmath>
#include <string>

#include "caft/core/error.hpp"

namespace caft {
namespace {

constexpr int max_batch = 65536;
constexpr int max_side = 16384;

[[noreturn]] void reject(const std::string& what) { throw Error(ErrorKind::usage, what); }

}  // namespace

void check_config(const EngineConfig& config) {
  const auto& [min, opt, max] = config.batch;
  if (min < 1 || opt < min || max < opt || max > max_batch) {
    reject("batch range " + std::to_string(min) + ":" + std::to_string(opt) + ":" +
           std::to_string(max) +
           " must satisfy 1 <= min <= opt <= max <= " + std::to_string(max_batch));
  }
  if (config.normalization) {
    for (const float mean : config.normalization->mean) {
      if (!std::isfinite(mean)) reject("normalization mean must be finite");
    }
    for (const float deviation : config.normalization->std) {
      if (!std::isfinite(deviation) || deviation <= 0) {
        reject("normalization std must be finite and above 0");
      }
    }
  }
  if (config.image_size) {
    for (const int side : *config.image_size) {
      if (side < 1 || side > max_side) {
        reject("image size " + std::to_string(side) + " must be 1 to " + std::to_string(max_side));
      }
    }
  }
  if (config.threads < 0) reject("threads must be 0 (all cores) or more");
}

}  // namespace caft
