#include "model/gather.hpp"

namespace caft {

Gathered gather(const Dataset& dataset, const CachedDataset& cached, GatherPart part) {
  Gathered gathered;
  gathered.classes = dataset.classes.size();
  std::vector<SampleKey> keys;
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    const Sample& sample = dataset.samples[i];
    if (!cached.keys[i]) continue;
    if (sample.split == Split::test && part != GatherPart::everything) continue;
    const auto number = static_cast<std::uint32_t>(keys.size());
    const bool apart = sample.split == Split::val && part == GatherPart::training;
    (apart ? gathered.val : gathered.train).push_back(number);
    gathered.samples.push_back(i);
    keys.push_back(*cached.keys[i]);
    if (dataset.multi_label) {
      const std::size_t start = gathered.multi_hot.size();
      gathered.multi_hot.resize(start + gathered.classes);
      for (const std::int32_t label : sample.labels) {
        gathered.multi_hot[start + static_cast<std::size_t>(label)] = 1;
      }
    } else {
      gathered.labels.push_back(sample.labels.front());
    }
  }
  gathered.features = cached.cache.read(keys);
  return gathered;
}

}  // namespace caft
