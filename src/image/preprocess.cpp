// Resize and centre crop in one go: only rows and columns that survive the crop are computed, and a
// row is resized horizontally just before the vertical pass wants it, so the working set is small.
#include "caft/image/preprocess.hpp"

#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "caft/core/error.hpp"
#include "image/geometry.hpp"
#include "image/resample_kernels.hpp"
#include "image/table_cache.hpp"

namespace caft {
namespace {

using image::Axis;
using image::Geometry;
using image::ResampleKernels;
using image::ResampleTable;

/// The horizontally resized rows that the vertical pass still needs, in a ring: row y of the image
/// lies in slot y % capacity. Reused by the thread's next image.
class RowRing {
 public:
  RowRing(const Image& image, const Axis& axis, const ResampleTable* table,
          const ResampleKernels& kernels, int capacity, std::vector<std::uint8_t>& storage)
      : image_(image),
        axis_(axis),
        table_(table),
        kernels_(kernels),
        capacity_(capacity),
        in_stride_(static_cast<std::size_t>(image.width) * 3),
        storage_(storage) {
    if (table_ == nullptr) return;
    stride_ = static_cast<std::size_t>(axis.kept) * 3 + image::kRowSlack;
    reach_ = image::horizontal_reach(*table_);
    const std::size_t ring = stride_ * static_cast<std::size_t>(capacity);
    storage_.resize(ring + std::max(reach_, in_stride_));
    last_rows_ = storage_.data() + ring;
  }

  /// Says that rows before y will not be asked for any more.
  void forget_before(int y) { next_ = std::max(next_, y); }

  /// Row y, of the last `capacity` rows asked for or a later one.
  const std::uint8_t* row(int y) {
    if (table_ == nullptr) return source(y) + axis_.begin * 3;
    for (; next_ <= y; ++next_) compute(next_);
    return slot(y);
  }

 private:
  [[nodiscard]] const std::uint8_t* source(int y) const {
    return image_.pixels.data() + static_cast<std::size_t>(y) * in_stride_;
  }
  std::uint8_t* slot(int y) {
    return storage_.data() + static_cast<std::size_t>(y % capacity_) * stride_;
  }
  void compute(int y) {
    const std::uint8_t* in = source(y);
    // Kernels read past a row's end; where that would leave the image, they read a copy.
    const auto left = static_cast<std::size_t>(image_.pixels.data() + image_.pixels.size() - in);
    if (left < reach_) {
      std::memcpy(last_rows_, in, in_stride_);
      in = last_rows_;
    }
    kernels_.horizontal(in, *table_, slot(y));
  }

  const Image& image_;
  const Axis& axis_;
  const ResampleTable* table_;
  const ResampleKernels& kernels_;
  int capacity_;
  std::size_t in_stride_;
  std::size_t stride_ = 0;
  std::size_t reach_ = 0;
  int next_ = 0;
  std::vector<std::uint8_t>& storage_;
  std::uint8_t* last_rows_ = nullptr;
};

/// Extremely long and thin images want filters of their own length. A limit on what a resize takes
/// besides image and output keeps a hostile one from taking gigabytes; 65,535 x 65,535 fits.
void check_memory(const Geometry& geometry, Interpolation interpolation) {
  constexpr std::uint64_t kLimit = std::uint64_t{256} << 20;
  std::uint64_t bytes = 0;
  for (const Axis* axis : {&geometry.x, &geometry.y}) {
    if (axis->resized()) {
      bytes += image::resample_table_bytes(axis->in, axis->out, axis->kept, interpolation);
    }
  }
  if (geometry.x.resized() && geometry.y.resized()) {
    const std::uint64_t rows =
        image::resample_table_bytes(geometry.y.in, geometry.y.out, 1, interpolation) / sizeof(int);
    bytes += rows * static_cast<std::uint64_t>(geometry.x.kept) * 3;
  }
  if (bytes > kLimit) {
    throw Error(ErrorKind::bad_input,
                fmt::format("image of {}x{} pixels is too long and thin to resize", geometry.x.in,
                            geometry.y.in));
  }
}

void check_arguments(const Image& image, const Preprocessing& spec, std::span<std::uint8_t> out) {
  const auto bytes = [](int width, int height) {
    return static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3;
  };
  if (image.width < 1 || image.height < 1 ||
      image.pixels.size() != bytes(image.width, image.height)) {
    throw Error(ErrorKind::usage, fmt::format("image of {}x{} pixels has {} bytes", image.width,
                                              image.height, image.pixels.size()));
  }
  if (spec.resize < 1 || spec.height < 1 || spec.width < 1) {
    throw Error(ErrorKind::usage,
                fmt::format("preprocessing to {} pixels, then {}x{} makes no sense", spec.resize,
                            spec.width, spec.height));
  }
  if (out.size() != bytes(spec.width, spec.height)) {
    throw Error(ErrorKind::usage,
                fmt::format("preprocessing to {}x{} pixels needs {} bytes, not {}", spec.width,
                            spec.height, bytes(spec.width, spec.height), out.size()));
  }
}

/// What a thread keeps between images.
struct Scratch {
  image::TableCache tables;
  std::vector<std::uint8_t> rows;
  std::vector<const std::uint8_t*> taps;
};

}  // namespace

void resize_and_crop(const Image& image, const Preprocessing& spec, std::span<std::uint8_t> out) {
  check_arguments(image, spec, out);
  const Geometry geometry = image::make_geometry(image.width, image.height, spec);
  const Axis &x = geometry.x, &y = geometry.y;
  check_memory(geometry, spec.interpolation);

  const ResampleKernels& kernels = image::resample_kernels(image::best_cpu_level());
  thread_local Scratch scratch;
  const auto table_of = [&](const Axis& axis, bool horizontal) {
    if (!axis.resized()) return std::shared_ptr<const ResampleTable>();
    return scratch.tables.get({axis.in, axis.out, axis.begin, axis.kept, spec.interpolation},
                              horizontal ? kernels.pack : nullptr);
  };
  const auto columns = table_of(x, true);
  const auto rows = table_of(y, false);

  if (x.kept < spec.width || y.kept < spec.height) std::memset(out.data(), 0, out.size());
  const std::size_t out_stride = static_cast<std::size_t>(spec.width) * 3;
  const std::size_t bytes = static_cast<std::size_t>(x.kept) * 3;
  std::uint8_t* target = out.data() + static_cast<std::size_t>(y.padding) * out_stride +
                         static_cast<std::size_t>(x.padding) * 3;

  RowRing ring(image, x, columns.get(), kernels, rows ? rows->widest : 1, scratch.rows);
  if (!rows) ring.forget_before(static_cast<int>(y.begin));
  for (int i = 0; i < y.kept; ++i, target += out_stride) {
    if (!rows) {
      std::memcpy(target, ring.row(static_cast<int>(y.begin) + i), bytes);
      continue;
    }
    const auto at = static_cast<std::size_t>(i);
    const auto count = static_cast<std::size_t>(rows->count[at]);
    ring.forget_before(rows->first[at]);
    scratch.taps.resize(static_cast<std::size_t>(rows->taps));
    for (std::size_t t = 0; t < scratch.taps.size(); ++t) {
      scratch.taps[t] =
          t < count ? ring.row(rows->first[at] + static_cast<int>(t)) : scratch.taps[0];
    }
    kernels.vertical(scratch.taps.data(), &rows->weights[at * scratch.taps.size()], rows->taps,
                     target, bytes);
  }

  constexpr std::size_t kKeep = std::size_t{1} << 20;  // an unusual image's scratch is not kept
  if (scratch.rows.size() > kKeep) scratch.rows = {};
  if (scratch.taps.size() > kKeep / 8) scratch.taps = {};
}

}  // namespace caft
