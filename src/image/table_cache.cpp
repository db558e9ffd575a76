#include "image/table_cache.hpp"

#include <algorithm>

namespace caft::image {

std::shared_ptr<const ResampleTable> TableCache::get(const TableKey& key,
                                                     void (*pack)(ResampleTable&)) {
  constexpr std::size_t kEntries = 8;  // portrait and landscape, both axes, twice
  constexpr std::size_t kLargest = std::size_t{1} << 20;  // bytes; larger ones are not kept

  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.pack == pack && entry.key == key;
  });
  if (found != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, found);
    return found->table;
  }
  ResampleTable made =
      make_resample_table(key.in, key.out, key.begin, key.outputs, key.interpolation);
  if (pack != nullptr) pack(made);
  auto table = std::make_shared<const ResampleTable>(std::move(made));
  if (table->weights.size() * sizeof(std::int32_t) + table->packed.size() * sizeof(std::int16_t) <=
      kLargest) {
    if (entries_.size() == kEntries) entries_.pop_back();
    entries_.push_front({key, pack, table});
  }
  return table;
}

}  // namespace caft::image
