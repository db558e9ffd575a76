// Stratified splits and folds: by seed, the same on every machine, whatever the order of files.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <queue>
#include <string>
#include <utility>

#include "caft/core/error.hpp"
#include "caft/data/dataset.hpp"
#include "data/shuffle.hpp"
#include "data/text.hpp"

namespace caft {
namespace {

using data::SplitMix64;
using Index = std::size_t;

/// How many of each stratum are drawn when `total` of all are. Hamilton's method of largest
/// remainders, within bounds: each stratum keeps one sample undrawn and, if it has two or more, one
/// drawn; a bound that would make `total` impossible is given up. Ties go to the lower stratum.
class Apportionment {
 public:
  Apportionment(const std::vector<std::int64_t>& sizes, std::int64_t total)
      : sizes_(sizes), total_(total), all_(sum(sizes)) {
    for (const std::int64_t size : sizes_) {
      low_.push_back(size >= 2 ? 1 : 0);
      high_.push_back(std::max<std::int64_t>(size - 1, 0));
    }
    if (sum(low_) > total_) std::fill(low_.begin(), low_.end(), 0);
    if (sum(high_) < total_) high_ = sizes_;
  }

  std::vector<std::int64_t> draw() {
    for (Index i = 0; i < sizes_.size(); ++i) {
      const std::int64_t quota = all_ == 0 ? 0 : sizes_[i] * total_ / all_;
      drawn_.push_back(std::clamp(quota, low_[i], high_[i]));
    }
    const std::int64_t missing = total_ - sum(drawn_);
    step(missing, missing > 0 ? 1 : -1);
    return drawn_;
  }

 private:
  static std::int64_t sum(const std::vector<std::int64_t>& values) {
    return std::accumulate(values.begin(), values.end(), std::int64_t{0});
  }

  /// Changes counts by `way`, one at a time where it brings a stratum nearest to its exact share.
  void step(std::int64_t missing, int way) {
    const auto room = [&](Index i) { return way > 0 ? drawn_[i] < high_[i] : drawn_[i] > low_[i]; };
    // Integers: `all_` times the distance to the exact share, so that no machine rounds otherwise.
    const auto want = [&](Index i) { return way * (sizes_[i] * total_ - drawn_[i] * all_); };
    using Entry = std::pair<std::int64_t, Index>;
    const auto later = [](const Entry& a, const Entry& b) {
      return a.first != b.first ? a.first < b.first : a.second > b.second;
    };
    std::priority_queue<Entry, std::vector<Entry>, decltype(later)> queue(later);
    for (Index i = 0; i < sizes_.size(); ++i) {
      if (room(i)) queue.emplace(want(i), i);
    }
    for (; missing != 0 && !queue.empty(); missing -= way) {
      const Index i = queue.top().second;
      queue.pop();
      drawn_[i] += way;
      if (room(i)) queue.emplace(want(i), i);
    }
  }

  const std::vector<std::int64_t>& sizes_;
  std::int64_t total_, all_;
  std::vector<std::int64_t> low_, high_, drawn_;
};

/// The unsplit samples in the order of their names, which no file system or list order changes.
std::vector<Index> unsplit_by_name(const Dataset& dataset) {
  std::vector<std::pair<std::string, Index>> named;
  for (Index i = 0; i < dataset.samples.size(); ++i) {
    const Sample& sample = dataset.samples[i];
    if (sample.split != Split::none) continue;
    named.emplace_back(sample.source.file.native() + '\0' + sample.source.member, i);
  }
  std::sort(named.begin(), named.end());
  std::vector<Index> order;
  order.reserve(named.size());
  for (const auto& [name, i] : named) order.push_back(i);
  return order;
}

/// The samples of each stratum: a class, or for several labels the rarest of them. Samples without
/// a label are a stratum of their own, the last.
std::vector<std::vector<Index>> strata(const Dataset& dataset, const std::vector<Index>& order) {
  std::vector<std::int64_t> count(dataset.classes.size(), 0);
  for (const Index i : order) {
    for (const std::int32_t label : dataset.samples[i].labels) {
      if (label < 0 || static_cast<Index>(label) >= count.size()) {
        throw Error(ErrorKind::usage, dataset.samples[i].source.display_name() + " has label " +
                                          std::to_string(label) + " of " +
                                          std::to_string(count.size()) + " classes");
      }
      ++count[static_cast<Index>(label)];
    }
  }
  std::vector<std::vector<Index>> members(count.size() + 1);
  for (const Index i : order) {
    Index stratum = count.size();
    for (const std::int32_t label : dataset.samples[i].labels) {
      const auto candidate = static_cast<Index>(label);
      const bool first = stratum == count.size();
      if (first || std::pair(count[candidate], candidate) < std::pair(count[stratum], stratum)) {
        stratum = candidate;
      }
    }
    members[stratum].push_back(i);
  }
  return members;
}

}  // namespace

std::string_view to_string(Split split) noexcept {
  switch (split) {
    case Split::train:
      return "train";
    case Split::val:
      return "val";
    case Split::test:
      return "test";
    case Split::none:
      break;
  }
  return "";
}

Split split_from_string(std::string_view name) {
  if (name.empty()) return Split::none;
  if (const auto split = data::split_of_name(name)) return *split;
  throw Error(ErrorKind::bad_input, "unknown split '" + data::printable(name) + "'",
              "use train, val or test");
}

std::vector<std::size_t> Dataset::of_split(Split split) const {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (samples[i].split == split) indices.push_back(i);
  }
  return indices;
}

void stratified_split(Dataset& dataset, double fraction, std::uint64_t seed, Split to) {
  if (!(fraction >= 0.0 && fraction <= 1.0)) {
    throw Error(ErrorKind::usage, "a split's fraction is " + std::to_string(fraction),
                "choose one from 0 to 1");
  }
  if (to != Split::val && to != Split::test) {
    throw Error(ErrorKind::usage, "samples can be split off to val or test only");
  }
  const std::vector<Index> order = unsplit_by_name(dataset);
  std::vector<std::vector<Index>> members = strata(dataset, order);
  std::vector<std::int64_t> sizes;
  sizes.reserve(members.size());
  for (const auto& stratum : members) sizes.push_back(static_cast<std::int64_t>(stratum.size()));
  const auto total =
      static_cast<std::int64_t>(std::llround(fraction * static_cast<double>(order.size())));
  const std::vector<std::int64_t> drawn = Apportionment(sizes, total).draw();
  SplitMix64 random(seed);
  for (Index s = 0; s < members.size(); ++s) {
    shuffle(members[s], random);
    for (Index k = 0; k < members[s].size(); ++k) {
      dataset.samples[members[s][k]].split =
          static_cast<std::int64_t>(k) < drawn[s] ? to : Split::train;
    }
  }
}

std::vector<int> stratified_folds(const std::vector<std::int32_t>& labels, int folds,
                                  std::uint64_t seed) {
  if (folds < 2 || static_cast<std::size_t>(folds) > labels.size()) {
    throw Error(ErrorKind::usage,
                std::to_string(folds) + " folds of " + std::to_string(labels.size()) + " samples",
                "choose from 2 to the number of samples");
  }
  std::map<std::int32_t, std::vector<Index>> members;
  for (Index i = 0; i < labels.size(); ++i) members[labels[i]].push_back(i);
  std::vector<int> fold(labels.size());
  SplitMix64 random(seed);
  int next = 0;  // dealt like cards, on from class to class: whole folds differ by at most one too
  for (auto& [label, indices] : members) {
    shuffle(indices, random);
    for (const Index i : indices) {
      fold[i] = next;
      next = (next + 1) % folds;
    }
  }
  return fold;
}

}  // namespace caft
