#include "caft/lab/curve.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "caft/core/error.hpp"
#include "caft/data/dataset.hpp"
#include "data/shuffle.hpp"
#include "head/fused/problem.hpp"
#include "model/feature_logits.hpp"

namespace caft::lab {
namespace {

constexpr int kTestFolds = 5;  // a fifth is held out
constexpr int kBootstraps = 500;

/// One random order of a class's samples; a smaller subset is a prefix of a larger one.
struct Draw {
  std::vector<std::vector<std::uint32_t>> of_class;
  std::vector<std::uint32_t> test;

  [[nodiscard]] std::vector<std::uint32_t> take(int per_class) const {
    std::vector<std::uint32_t> samples;
    for (const auto& all : of_class) {
      const auto count = std::min(all.size(), static_cast<std::size_t>(per_class));
      samples.insert(samples.end(), all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
    }
    std::ranges::sort(samples);
    return samples;
  }
};

Draw draw(const TrainingData& data, std::uint64_t seed) {
  const auto folds = stratified_folds(fused::strata(data, data.train), kTestFolds, seed);
  Draw result;
  result.of_class.resize(data.classes);
  for (std::size_t i = 0; i < folds.size(); ++i) {
    const std::uint32_t sample = data.train[i];
    auto& to = folds[i] == 0 ? result.test
                             : result.of_class[static_cast<std::size_t>(data.labels[sample])];
    to.push_back(sample);
  }
  data::SplitMix64 random(seed);
  for (auto& samples : result.of_class) data::shuffle(samples, random);
  return result;
}

double accuracy_of(const TrainingData& data, const std::vector<std::uint32_t>& train,
                   const std::vector<std::uint32_t>& test, const CurveOptions& options) {
  TrainingData part = data;
  part.train = train;
  part.val = {};
  TrainConfig config;
  config.seed = options.seed;
  config.threads = options.threads;
  const Head head = make_trainer("linear")->train(part, config, nullptr).head;
  std::vector<std::uint32_t> rows;
  rows.reserve(test.size());
  for (const std::uint32_t i : test) rows.push_back(data.row_of[i]);
  return fused::score(data, test, feature_logits(head, data.features, rows)).accuracy;
}

std::vector<int> sizes_of(const std::vector<Draw>& draws, const CurveOptions& options) {
  std::size_t most = 0;
  for (const auto& samples : draws.front().of_class) most = std::max(most, samples.size());
  std::vector<int> sizes;
  if (options.per_class.empty()) {
    for (std::size_t n = 5; n < most; n *= 2) sizes.push_back(static_cast<int>(n));
    // A last step of less than a quarter would only repeat the one before.
    if (!sizes.empty() && static_cast<std::size_t>(sizes.back()) * 5 > most * 4) sizes.pop_back();
    sizes.push_back(static_cast<int>(most));
  } else {
    for (const int n : options.per_class) {
      if (n >= 1 && static_cast<std::size_t>(n) <= most) sizes.push_back(n);
    }
    std::ranges::sort(sizes);
    sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  }
  if (sizes.empty()) {
    throw Error(ErrorKind::usage,
                "no class has as many training images as asked for; the largest has " +
                    std::to_string(most),
                "ask for fewer images a class");
  }
  return sizes;
}

/// The law through the points' means, repeat r of each point replaced by repeat pick[r].
PowerLaw law_of(const std::vector<CurvePoint>& points, const std::vector<std::size_t>& pick) {
  std::vector<double> images, errors;
  for (const CurvePoint& point : points) {
    double mean = 0;
    for (const std::size_t r : pick) mean += point.accuracy[r] / static_cast<double>(pick.size());
    images.push_back(static_cast<double>(point.images));
    errors.push_back(1 - mean);
  }
  return fit_power_law(images, errors);
}

std::vector<Extrapolation> look_ahead(const std::vector<CurvePoint>& points, const PowerLaw& law,
                                      std::uint64_t seed) {
  const std::size_t repeats = points.front().accuracy.size();
  data::SplitMix64 random(seed);
  std::vector<PowerLaw> laws;
  for (int b = 0; b < kBootstraps; ++b) {
    std::vector<std::size_t> pick(repeats);
    for (std::size_t& r : pick) r = static_cast<std::size_t>(random.below(repeats));
    laws.push_back(law_of(points, pick));
  }
  std::vector<Extrapolation> ahead;
  for (const double factor : {2.0, 4.0}) {
    Extrapolation e{.factor = factor, .images = factor * static_cast<double>(points.back().images)};
    e.accuracy = law.accuracy(e.images);
    std::vector<double> guesses;
    guesses.reserve(laws.size());
    for (const PowerLaw& other : laws) guesses.push_back(other.accuracy(e.images));
    std::ranges::sort(guesses);
    e.low = std::min(e.accuracy, guesses[kBootstraps * 25 / 1000]);
    e.high = std::max(e.accuracy, guesses[kBootstraps * 975 / 1000]);
    ahead.push_back(e);
  }
  return ahead;
}

std::string sentence_of(const Curve& curve) {
  const CurvePoint& last = curve.points.back();
  const Extrapolation& twice = curve.ahead.front();
  const double now = curve.law.accuracy(twice.images / twice.factor);
  const double gain = 100 * (twice.accuracy - now);
  const std::string range = fmt::format("{:.1f} % (95 % interval {:.1f} to {:.1f} %)",
                                        100 * twice.accuracy, 100 * twice.low, 100 * twice.high);
  if (gain < 0.5) {
    return fmt::format(
        "Twice the labels ({:.0f} training images instead of {}) would buy little: {}, from {:.1f} "
        "% on the fitted curve now; another backbone or cleaner labels promise more.",
        twice.images, last.images, range, 100 * now);
  }
  return fmt::format(
      "Twice the labels ({:.0f} training images instead of {}) would buy about {:.1f} points: {}, "
      "from {:.1f} % on the fitted curve now.",
      twice.images, last.images, gain, range, 100 * now);
}

}  // namespace

double PowerLaw::accuracy(double images) const {
  return 1 - std::clamp(scale * std::pow(images, -decay) + floor, 0.0, 1.0);
}

PowerLaw fit_power_law(std::span<const double> images, std::span<const double> errors) {
  const std::size_t n = images.size();
  if (n == 0) return {};
  const double mean = std::accumulate(errors.begin(), errors.end(), 0.0) / static_cast<double>(n);
  PowerLaw best{.scale = 0, .decay = 0, .floor = mean};
  if (n < 3) return best;
  const double least = *std::ranges::min_element(errors);
  double best_squares = std::numeric_limits<double>::infinity();
  constexpr int kFloors = 100;
  for (int f = 0; f < kFloors; ++f) {
    const double floor = least * f / kFloors;
    double sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double x = std::log(images[i]);
      const double y = std::log(std::max(errors[i] - floor, 1e-9));
      sx += x;
      sy += y;
      sxx += x * x;
      sxy += x * y;
    }
    const auto count = static_cast<double>(n);
    const double across = sxx - sx * sx / count;
    if (across <= 0) return best;
    const double slope = std::min(0.0, (sxy - sx * sy / count) / across);
    const PowerLaw law{
        .scale = std::exp((sy - slope * sx) / count), .decay = -slope, .floor = floor};
    double squares = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double miss = 1 - law.accuracy(images[i]) - errors[i];
      squares += miss * miss;
    }
    if (squares < best_squares) {
      best_squares = squares;
      best = law;
    }
  }
  return best;
}

Curve learning_curve(const TrainingData& data, const CurveOptions& options,
                     ProgressSink* progress) {
  const auto start = std::chrono::steady_clock::now();
  TrainingData problem = data;
  problem.val = {};
  fused::check_data(problem);
  if (!problem.multi_hot.empty()) {
    throw Error(ErrorKind::usage, "a learning curve needs one label an image, not several");
  }
  if (options.repeats < 2 || options.repeats > 1000 || problem.train.size() < 2 * kTestFolds) {
    throw Error(ErrorKind::usage,
                "a learning curve needs 2 to 1000 repeats and ten images at least");
  }
  std::vector<Draw> draws;
  draws.reserve(static_cast<std::size_t>(options.repeats));
  for (int r = 0; r < options.repeats; ++r) {
    draws.push_back(draw(problem, options.seed + static_cast<std::uint64_t>(r)));
  }
  Curve curve;
  const std::vector<int> sizes = sizes_of(draws, options);
  std::size_t done = 0;
  for (const int size : sizes) {
    CurvePoint point{.per_class = size, .accuracy = {}, .spread = {}};
    std::size_t images = 0;
    for (const Draw& d : draws) {
      if (progress != nullptr) progress->update("fitting", done++, sizes.size() * draws.size());
      const std::vector<std::uint32_t> train = d.take(size);
      images += train.size();
      point.accuracy.push_back(accuracy_of(problem, train, d.test, options));
    }
    point.images = (images + draws.size() / 2) / draws.size();
    point.spread = spread_of_folds(point.accuracy, kTestFolds);
    curve.points.push_back(std::move(point));
  }
  std::vector<std::size_t> every(draws.size());
  std::iota(every.begin(), every.end(), std::size_t{0});
  curve.law = law_of(curve.points, every);
  curve.ahead = look_ahead(curve.points, curve.law, options.seed);
  curve.sentence = sentence_of(curve);
  curve.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return curve;
}

}  // namespace caft::lab
