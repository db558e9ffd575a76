#include "cuda/image_loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "caft/core/error.hpp"
#include "cuda/nvjpeg_decoder.hpp"
#include "cuda/plane_layout.hpp"
#include "cuda/resize_plan.hpp"
#include "cuda/runtime.hpp"

namespace caft::cuda {
namespace {

/// Deals out pieces of one buffer that grows between batches, never within one.
class Arena {
 public:
  /// Makes room for `bytes`, keeping nothing of what is there.
  void reserve(std::size_t bytes, std::size_t most) {
    used_ = 0;
    if (bytes <= buffer_.size()) return;
    const std::size_t wanted = std::min(std::max(bytes, buffer_.size() + buffer_.size() / 2), most);
    buffer_ = {};
    buffer_ = DeviceBuffer<std::uint8_t>(std::max(bytes, wanted));
  }
  std::uint8_t* take(std::size_t bytes) {
    std::uint8_t* piece = buffer_.data() + used_;
    used_ += bytes;
    return piece;
  }
  [[nodiscard]] std::size_t bytes() const { return buffer_.bytes(); }

 private:
  DeviceBuffer<std::uint8_t> buffer_;
  std::size_t used_ = 0;
};

/// Page-locked memory and its copy on the device, for what the kernels are told.
class Staging {
 public:
  /// Makes room for `bytes`. Nothing of an earlier batch may still be on its way.
  void begin(std::size_t bytes) {
    used_ = 0;
    if (bytes <= host_.size()) return;
    bytes += bytes / 2;
    host_ = PinnedBuffer<std::byte>(bytes);
    device_ = DeviceBuffer<std::byte>(bytes);
  }
  /// Where `values` will lie on the device after `send`.
  template <typename T>
  const T* put(const std::vector<T>& values) {
    const std::size_t at = used_;
    if (!values.empty()) std::memcpy(host_.data() + at, values.data(), values.size() * sizeof(T));
    used_ += padded(values);
    return reinterpret_cast<const T*>(device_.data() + at);
  }
  template <typename T>
  static std::size_t padded(const std::vector<T>& values) {
    return align(values.size() * sizeof(T), kAlignment);
  }
  void send(cudaStream_t stream) {
    check(cudaMemcpyAsync(device_.data(), host_.data(), used_, cudaMemcpyHostToDevice, stream),
          "copy to the GPU");
  }
  [[nodiscard]] std::size_t bytes() const { return device_.bytes(); }

 private:
  PinnedBuffer<std::byte> host_;
  DeviceBuffer<std::byte> device_;
  std::size_t used_ = 0;
};

/// What cannot be more than a few megabytes: jobs and tables of a batch.
constexpr std::size_t kMostStaging = std::size_t{64} << 20;

Event make_blocking_event() {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventBlockingSync),
        "CUDA event");
  return Event(event);
}

class Loader final : public ImageLoader {
 public:
  explicit Loader(const ImageLoaderOptions& options)
      : options_(options),
        stream_((set_device(options.device), make_stream())),
        done_(make_blocking_event()),
        image_bytes_(std::size_t{3} * static_cast<std::size_t>(options.spec.height) *
                     static_cast<std::size_t>(options.spec.width)),
        images_(image_bytes_ * static_cast<std::size_t>(options.batch)),
        decoder_(options.backend, options.decoder_memory),
        filters_(options.spec) {}
  ~Loader() override {
    cudaSetDevice(options_.device);
    cudaStreamSynchronize(stream_.get());
  }
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  [[nodiscard]] std::uint8_t* images() const override { return images_.data(); }
  [[nodiscard]] void* stream() const override { return stream_.get(); }

  std::vector<std::size_t> load(std::span<const Item> items) override { return load(items, true); }
  std::vector<std::size_t> decode_only(std::span<const Item> items) override {
    return load(items, false);
  }

  void resize(std::span<const Image> images) override {
    set_device(options_.device);
    if (images.size() > static_cast<std::size_t>(options_.batch))
      throw Error(ErrorKind::usage, "more images than slots");
    std::size_t bytes = 0;
    for (const Image& image : images) bytes += align(image.pixels.size(), kAlignment);
    arena_.reserve(bytes, std::max(bytes, options_.pixel_memory));
    plan_.clear();
    for (std::size_t i = 0; i < images.size(); ++i) {
      const Image& image = images[i];
      const ResizeFilters filters = filters_.get(image.width, image.height);
      if (filters.tile_rows == 0)
        throw Error(ErrorKind::bad_input, fmt::format("an image of {}x{} pixels is too large for "
                                                      "the GPU's resize",
                                                      image.width, image.height));
      std::uint8_t* pixels = arena_.take(align(image.pixels.size(), kAlignment));
      check(cudaMemcpyAsync(pixels, image.pixels.data(), image.pixels.size(),
                            cudaMemcpyHostToDevice, stream_.get()),
            "copy to the GPU");
      const int pitch = image.width * 3;
      const Rgb window{
          pixels + static_cast<std::int64_t>(filters.y->begin) * pitch + filters.x->begin * 3,
          pitch};
      plan_.add(filters, window, options_.spec.width, options_.spec.height, slot(i));
    }
    conversions_.clear();
    run_kernels(0);
    wait();
  }

  void resize_again() override {
    set_device(options_.device);
    run_kernels(0);
    wait();
  }

  void download(std::size_t index, std::span<std::uint8_t> pixels) const override {
    set_device(options_.device);
    if (pixels.size() != image_bytes_) throw Error(ErrorKind::usage, "a slot has another size");
    check(cudaMemcpyAsync(pixels.data(), slot(index), image_bytes_, cudaMemcpyDeviceToHost,
                          stream_.get()),
          "copy from the GPU");
    check(cudaStreamSynchronize(stream_.get()), "copy from the GPU");
  }

  [[nodiscard]] std::string decoder() const override { return decoder_.name(); }
  [[nodiscard]] std::size_t bytes() const override {
    return images_.bytes() + arena_.bytes() + staging_.bytes() + decoder_.bytes();
  }
  [[nodiscard]] std::size_t most_bytes() const override {
    return images_.bytes() + options_.pixel_memory + options_.decoder_memory + kMostStaging;
  }

 private:
  [[nodiscard]] std::uint8_t* slot(std::size_t index) const {
    return images_.data() + index * image_bytes_;
  }

  /// A JPEG on its way, and what becomes of it.
  struct Work {
    std::size_t position = 0;  ///< in the caller's items
    std::size_t slot = 0;
    ResizeFilters filters;
  };

  std::vector<std::size_t> load(std::span<const Item> items, bool with_resize) {
    set_device(options_.device);
    std::vector<std::size_t> refused;
    work_.clear();
    jpegs_.clear();
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const Item& item = items[i];
      if (item.slot >= static_cast<std::size_t>(options_.batch))
        throw Error(ErrorKind::usage, fmt::format("there is no slot {}", item.slot));
      if (item.file.empty()) {
        upload(item);
        continue;
      }
      ResizeFilters filters = filters_.get(item.jpeg.width, item.jpeg.height);
      const std::size_t needed = decoding_bytes(item.jpeg);
      if (filters.tile_rows == 0 || needed > options_.pixel_memory) {
        refused.push_back(i);
        continue;
      }
      if (bytes + needed > options_.pixel_memory) {
        step(bytes, with_resize, refused);
        bytes = 0;
      }
      bytes += needed;
      work_.push_back({i, item.slot, std::move(filters)});
      jpegs_.push_back({.file = item.file, .jpeg = item.jpeg});
    }
    step(bytes, with_resize, refused);
    wait();
    return refused;
  }

  void upload(const Item& item) {
    if (item.pixels.size() != image_bytes_)
      throw Error(ErrorKind::usage, "a slot has another size");
    check(cudaMemcpyAsync(slot(item.slot), item.pixels.data(), image_bytes_, cudaMemcpyHostToDevice,
                          stream_.get()),
          "copy to the GPU");
  }

  /// Decodes what has been collected, which takes `bytes`, and resizes it.
  void step(std::size_t bytes, bool with_resize, std::vector<std::size_t>& refused) {
    if (work_.empty()) return;
    wait();  // for the step before, whose memory this one uses
    arena_.reserve(bytes, options_.pixel_memory);
    for (JpegToDecode& jpeg : jpegs_) {
      jpeg.planes[0] = make_plane(jpeg.jpeg.width, jpeg.jpeg.height);
      jpeg.planes[1] = jpeg.planes[2] = make_color_plane(jpeg.jpeg);
      for (Plane& plane : jpeg.planes) plane.data = arena_.take(bytes_of(plane));
    }
    decoder_.decode(jpegs_, stream_.get());
    plan_.clear();
    conversions_.clear();
    int blocks = 0;
    for (std::size_t i = 0; i < work_.size(); ++i) {
      if (!jpegs_[i].decoded) {
        refused.push_back(work_[i].position);
      } else if (with_resize) {
        add_kernels(jpegs_[i], work_[i], blocks);
      }
    }
    if (with_resize) run_kernels(blocks);
    work_.clear();
    jpegs_.clear();
  }

  void add_kernels(const JpegToDecode& jpeg, const Work& work, int& blocks) {
    const AxisFilter &x = *work.filters.x, &y = *work.filters.y;
    ConvertJob job{.first_block = blocks,
                   .sampling = jpeg.jpeg.sampling,
                   .planes = {jpeg.planes[0], jpeg.planes[1], jpeg.planes[2]},
                   .x = x.begin,
                   .y = y.begin,
                   .width = x.end - x.begin,
                   .height = y.end - y.begin};
    job.out = {arena_.take(rgb_bytes(job.width, job.height)), rgb_pitch(job.width)};
    job.blocks_a_row = (job.width + kConvertWidth - 1) / kConvertWidth;
    blocks += job.blocks_a_row * ((job.height + kConvertHeight - 1) / kConvertHeight);
    conversions_.push_back(job);
    plan_.add(work.filters, job.out, options_.spec.width, options_.spec.height, slot(work.slot));
  }

  /// Runs the jobs that were collected; conversions take `convert_blocks`.
  void run_kernels(int convert_blocks) {
    if (plan_.jobs().empty()) return;
    const std::size_t bytes = Staging::padded(conversions_) + Staging::padded(plan_.jobs()) +
                              Staging::padded(plan_.tables());
    staging_.begin(bytes);
    const ConvertJob* conversions = staging_.put(conversions_);
    const ResizeJob* jobs = staging_.put(plan_.jobs());
    const std::int32_t* tables = staging_.put(plan_.tables());
    staging_.send(stream_.get());
    if (!conversions_.empty()) {
      launch_convert(conversions, static_cast<int>(conversions_.size()), convert_blocks,
                     stream_.get());
    }
    launch_resize(jobs, static_cast<int>(plan_.jobs().size()), plan_.blocks(), tables,
                  stream_.get());
  }

  /// Waits without spinning: threads that read files need the cores.
  void wait() {
    check(cudaEventRecord(done_.get(), stream_.get()), "image loader");
    check(cudaEventSynchronize(done_.get()), "image loader");
  }

  ImageLoaderOptions options_;
  Stream stream_;
  Event done_;
  std::size_t image_bytes_;
  DeviceBuffer<std::uint8_t> images_;
  Arena arena_;
  Staging staging_;
  NvJpegDecoder decoder_;
  FilterCache filters_;
  ResizePlan plan_;
  std::vector<ConvertJob> conversions_;
  std::vector<Work> work_;
  std::vector<JpegToDecode> jpegs_;
};

}  // namespace

}  // namespace caft::cuda

extern "C" caft::cuda::ImageLoader* caft_cuda_image_loader(
    const caft::cuda::ImageLoaderOptions& options) {
  return new caft::cuda::Loader(options);  // the caller owns it
}
