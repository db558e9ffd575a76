#include "caft/lab/search.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace caft::lab {
namespace {

/// Whether `a` is at least as good as `b` in everything, and better in something.
bool dominates(const Contender& a, const Contender& b) {
  const bool no_worse = a.accuracy.mean >= b.accuracy.mean &&
                        a.images_per_second >= b.images_per_second &&
                        a.latency_ms <= b.latency_ms && a.size_mb <= b.size_mb;
  const bool better = a.accuracy.mean > b.accuracy.mean ||
                      a.images_per_second > b.images_per_second || a.latency_ms < b.latency_ms ||
                      a.size_mb < b.size_mb;
  return no_worse && better;
}

}  // namespace

void mark_pareto(std::vector<Contender>& contenders) {
  for (Contender& c : contenders) {
    c.pareto = std::ranges::none_of(contenders,
                                    [&c](const Contender& other) { return dominates(other, c); });
  }
}

Recommendation recommend(const std::vector<Contender>& contenders) {
  const Contender& best =
      *std::ranges::max_element(contenders, {}, [](const Contender& c) { return c.accuracy.mean; });
  const Contender* choice = &best;
  for (const Contender& c : contenders) {
    if (c.accuracy.mean >= best.accuracy.low && c.images_per_second > choice->images_per_second) {
      choice = &c;
    }
  }
  const double mean = 100 * choice->accuracy.mean;
  if (choice == &best) {
    const std::string reason =
        contenders.size() == 1
            ? "nothing else was tried"
            : "it is the most accurate, and nothing faster comes within its 95 % interval";
    return {best.backbone, fmt::format("Take {}: {:.1f} % at {:.0f} images/s; {}.", best.backbone,
                                       mean, best.images_per_second, reason)};
  }
  return {choice->backbone,
          fmt::format("Take {}: {:.1f} % at {:.0f} images/s, {:.1f} times as fast as {}, whose "
                      "{:.1f} % these images cannot tell from it (95 % interval {:.1f} to {:.1f} "
                      "%).",
                      choice->backbone, mean, choice->images_per_second,
                      choice->images_per_second / best.images_per_second, best.backbone,
                      100 * best.accuracy.mean, 100 * best.accuracy.low, 100 * best.accuracy.high)};
}

}  // namespace caft::lab
