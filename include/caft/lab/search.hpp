// Which backbone suits a data set and a machine.
#pragma once

#include <string>
#include <vector>

#include "caft/lab/statistics.hpp"

namespace caft::lab {

/// What a backbone gives, and what it costs.
struct Contender {
  std::string backbone;
  Spread accuracy;               ///< of a linear head over folds
  double l2 = 0;                 ///< that head's
  double images_per_second = 0;  ///< of the engine, all cores busy
  double latency_ms = 0;         ///< of one image, median
  double size_mb = 0;            ///< of the ONNX file and its external data, 1e6 bytes
  bool pareto = false;           ///< no other is as good in everything and better in something
};

/// Marks the Pareto front of accuracy x images/s x latency x size.
void mark_pareto(std::vector<Contender>& contenders);

struct Recommendation {
  std::string backbone;
  std::string sentence;  ///< with the reason
};

/// The fastest contender (images/s) whose mean accuracy lies within the 95 % interval of the most
/// accurate one: what the data cannot tell apart, speed decides. `contenders` must not be empty.
Recommendation recommend(const std::vector<Contender>& contenders);

}  // namespace caft::lab
