// What the kernels must be told to resize and crop a batch: tables and tiles, made on the CPU.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "cuda/image_kernels.hpp"
#include "image/geometry.hpp"
#include "image/table_cache.hpp"

namespace caft::cuda {

/// The filter along one axis, and the source samples that it touches.
struct AxisFilter {
  image::ResampleTable table;  ///< with one tap of weight one where nothing is resized
  int begin = 0, end = 0;      ///< source samples
};

/// How one image size becomes the output.
struct ResizeFilters {
  std::shared_ptr<const AxisFilter> x, y;
  int x_padding = 0, y_padding = 0;  ///< zeros before the first output
  int tile_rows = 0;  ///< output rows that a block can make; 0: shrinks too much for the kernel
};

/// Makes filters and keeps them by size, since images of a data set tend to share their sizes and
/// a filter takes longer to make than a GPU takes to decode an image. Not thread-safe.
class FilterCache {
 public:
  explicit FilterCache(const Preprocessing& spec) : spec_(spec) {}
  ResizeFilters get(int width, int height);

 private:
  struct Hash {
    std::size_t operator()(const image::TableKey& key) const noexcept;
  };
  std::shared_ptr<const AxisFilter> axis(const image::Axis& axis);

  Preprocessing spec_;
  std::unordered_map<image::TableKey, std::shared_ptr<const AxisFilter>, Hash> filters_;
};

/// Collects a batch's jobs and tables. Each filter is stored once, however many images use it.
class ResizePlan {
 public:
  void clear();
  /// The image's window of x.begin.. by y.begin.. lies at `in`; its output goes to `out`.
  void add(const ResizeFilters& filters, const Rgb& in, int width, int height, std::uint8_t* out);

  [[nodiscard]] const std::vector<ResizeJob>& jobs() const { return jobs_; }
  [[nodiscard]] const std::vector<std::int32_t>& tables() const { return tables_; }
  [[nodiscard]] int blocks() const { return blocks_; }

 private:
  ResizeAxis store(const std::shared_ptr<const AxisFilter>& filter, int padding);

  std::vector<ResizeJob> jobs_;
  std::vector<std::int32_t> tables_;
  std::unordered_map<std::shared_ptr<const AxisFilter>, int> stored_;  ///< its table's offset
  int blocks_ = 0;
};

}  // namespace caft::cuda
