#include "cuda/resize_plan.hpp"

#include <algorithm>

namespace caft::cuda {
namespace {

/// Filters longer than this many weights are for images that the GPU does not take.
constexpr std::uint64_t kLongestTable = std::uint64_t{16} << 20;  // bytes

AxisFilter identity(const image::Axis& axis) {
  AxisFilter filter;
  const auto kept = static_cast<std::size_t>(axis.kept);
  filter.table.outputs = axis.kept;
  filter.table.taps = filter.table.widest = 1;
  filter.table.first.resize(kept);
  for (int i = 0; i < axis.kept; ++i)
    filter.table.first[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(axis.begin) + i;
  filter.table.count.assign(kept, 1);
  filter.table.weights.assign(kept, 1 << image::kWeightBits);
  return filter;
}

/// The source rows that the worst tile of `tile_rows` output rows touches.
int rows_of_tiles(const AxisFilter& filter, int padding, int tile_rows) {
  // Tiles begin at the output's first row, padding included.
  int most = 0;
  const int kept = filter.table.outputs;
  for (int top = 0; top < padding + kept; top += tile_rows) {
    const int low = std::max(top - padding, 0);
    const int high = std::min(top + tile_rows - padding, kept);
    if (low >= high) continue;
    const auto last = static_cast<std::size_t>(high - 1);
    most = std::max(most, filter.table.first[last] + filter.table.count[last] -
                              filter.table.first[static_cast<std::size_t>(low)]);
  }
  return most;
}

int tile_rows_of(const AxisFilter& filter, int padding) {
  for (int rows = 32; rows > 0; rows /= 2) {
    if (rows_of_tiles(filter, padding, rows) <= kResizeMaxRows) return rows;
  }
  return 0;
}

int divide_up(int value, int by) { return (value + by - 1) / by; }

}  // namespace

std::size_t FilterCache::Hash::operator()(const image::TableKey& key) const noexcept {
  std::uint64_t hash = static_cast<std::uint64_t>(key.in);
  for (const auto part :
       {static_cast<std::uint64_t>(key.out), static_cast<std::uint64_t>(key.begin),
        static_cast<std::uint64_t>(key.outputs)}) {
    hash = (hash ^ part) * 0x9E3779B97F4A7C15ULL;
    hash ^= hash >> 32;
  }
  return static_cast<std::size_t>(hash);
}

std::shared_ptr<const AxisFilter> FilterCache::axis(const image::Axis& axis) {
  constexpr std::size_t kMostFilters = 2048;  // some 6 KB each
  const image::TableKey key{axis.in, axis.out, axis.begin, axis.kept, spec_.interpolation};
  if (const auto found = filters_.find(key); found != filters_.end()) return found->second;
  AxisFilter filter;
  if (axis.resized()) {
    if (image::resample_table_bytes(axis.in, axis.out, axis.kept, spec_.interpolation) >
        kLongestTable)
      return nullptr;
    filter.table =
        image::make_resample_table(axis.in, axis.out, axis.begin, axis.kept, spec_.interpolation);
  } else {
    filter = identity(axis);
  }
  filter.begin = filter.table.first.front();
  filter.end = filter.table.first.back() + filter.table.count.back();
  if (filters_.size() == kMostFilters) filters_.clear();
  return filters_.emplace(key, std::make_shared<const AxisFilter>(std::move(filter))).first->second;
}

ResizeFilters FilterCache::get(int width, int height) {
  const image::Geometry geometry = image::make_geometry(width, height, spec_);
  ResizeFilters filters{.x = axis(geometry.x),
                        .y = axis(geometry.y),
                        .x_padding = geometry.x.padding,
                        .y_padding = geometry.y.padding};
  if (filters.x && filters.y) filters.tile_rows = tile_rows_of(*filters.y, filters.y_padding);
  return filters;
}

void ResizePlan::clear() {
  jobs_.clear();
  tables_.clear();
  stored_.clear();
  blocks_ = 0;
}

ResizeAxis ResizePlan::store(const std::shared_ptr<const AxisFilter>& filter, int padding) {
  const image::ResampleTable& table = filter->table;
  const auto [entry, is_new] = stored_.try_emplace(filter, static_cast<int>(tables_.size()));
  if (is_new) {
    for (const auto* part : {&table.first, &table.count, &table.weights})
      tables_.insert(tables_.end(), part->begin(), part->end());
  }
  return {.table = entry->second,
          .taps = table.taps,
          .kept = table.outputs,
          .padding = padding,
          .begin = filter->begin};
}

void ResizePlan::add(const ResizeFilters& filters, const Rgb& in, int width, int height,
                     std::uint8_t* out) {
  ResizeJob job{.first_block = blocks_,
                .blocks_a_row = divide_up(width, kResizeWidth),
                .tile_rows = filters.tile_rows,
                .width = width,
                .height = height,
                .in = in,
                .x = store(filters.x, filters.x_padding),
                .y = store(filters.y, filters.y_padding),
                .out = out};
  blocks_ += job.blocks_a_row * divide_up(height, job.tile_rows);
  jobs_.push_back(job);
}

}  // namespace caft::cuda
