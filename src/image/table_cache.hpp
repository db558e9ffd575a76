// A small cache of resize tables: images of a data set tend to share their sizes.
#pragma once

#include <cstdint>
#include <list>
#include <memory>

#include "image/resample_table.hpp"

namespace caft::image {

/// What determines a table; see make_resample_table.
struct TableKey {
  int in;
  std::int64_t out;
  std::int64_t begin;
  int outputs;
  Interpolation interpolation;

  bool operator==(const TableKey&) const = default;
};

/// The tables used last, packed for the kernel or not. Not thread-safe: one a thread.
class TableCache {
 public:
  /// The table, made at need; `pack` may be null.
  std::shared_ptr<const ResampleTable> get(const TableKey& key, void (*pack)(ResampleTable&));

 private:
  struct Entry {
    TableKey key;
    void (*pack)(ResampleTable&);
    std::shared_ptr<const ResampleTable> table;
  };
  std::list<Entry> entries_;  // the one used last comes first
};

}  // namespace caft::image
