#include "cuda/nvjpeg_decoder.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace caft::cuda {
namespace {

const char* text_of(nvjpegStatus_t status) {
  switch (status) {
    case NVJPEG_STATUS_NOT_INITIALIZED:
      return "not initialised";
    case NVJPEG_STATUS_INVALID_PARAMETER:
      return "invalid parameter";
    case NVJPEG_STATUS_BAD_JPEG:
      return "bad JPEG";
    case NVJPEG_STATUS_JPEG_NOT_SUPPORTED:
      return "JPEG not supported";
    case NVJPEG_STATUS_ALLOCATOR_FAILURE:
      return "no memory";
    case NVJPEG_STATUS_EXECUTION_FAILED:
      return "execution failed";
    case NVJPEG_STATUS_ARCH_MISMATCH:
      return "this GPU does not have it";
    case NVJPEG_STATUS_INTERNAL_ERROR:
      return "internal error";
    case NVJPEG_STATUS_IMPLEMENTATION_NOT_SUPPORTED:
      return "implementation not supported";
    case NVJPEG_STATUS_INCOMPLETE_BITSTREAM:
      return "incomplete bitstream";
    default:
      return "unknown error";
  }
}

void check(nvjpegStatus_t status, const char* what) {
  if (status == NVJPEG_STATUS_SUCCESS) return;
  throw Error(
      ErrorKind::unavailable,
      fmt::format("nvJPEG {}: {} ({})", what, text_of(status), static_cast<int>(status)),
      status == NVJPEG_STATUS_ALLOCATOR_FAILURE ? "use a smaller --batch" : "use --decode cpu");
}

template <cudaError_t (*allocate)(void**, std::size_t)>
int take(void* context, void** pointer, std::size_t size, cudaStream_t) {
  auto& budget = *static_cast<MemoryBudget*>(context);
  *pointer = nullptr;
  if (!budget.take(size)) return cudaErrorMemoryAllocation;
  const cudaError_t status = allocate(pointer, size);
  if (status != cudaSuccess) {
    budget.give_back(size);
    (void)cudaGetLastError();  // reported here, and not by the next call
  }
  return status;
}

/// Both of CUDA's functions wait for work that may still use the memory.
template <cudaError_t (*release)(void*)>
int give_back(void* context, void* pointer, std::size_t size, cudaStream_t) {
  static_cast<MemoryBudget*>(context)->give_back(size);
  return release(pointer);
}

cudaError_t device_malloc(void** pointer, std::size_t size) { return cudaMalloc(pointer, size); }
cudaError_t pinned_malloc(void** pointer, std::size_t size) {
  return cudaMallocHost(pointer, size);
}

const unsigned char* bytes_of(const JpegToDecode& jpeg) {
  return reinterpret_cast<const unsigned char*>(jpeg.file.data());
}

nvjpegImage_t image_of(const JpegToDecode& jpeg) {
  nvjpegImage_t image{};
  for (int i = 0; i < 3; ++i) {
    image.channel[i] = jpeg.planes[i].data;
    image.pitch[i] = static_cast<std::size_t>(jpeg.planes[i].pitch);
  }
  return image;
}

constexpr nvjpegOutputFormat_t kFormat = NVJPEG_OUTPUT_YUV;

}  // namespace

NvJpegDecoder::NvJpegDecoder(JpegBackend backend, std::size_t memory)
    : device_(memory), pinned_(memory) {
  device_allocator_ = {&take<&device_malloc>, &give_back<&cudaFree>, &device_};
  pinned_allocator_ = {&take<&pinned_malloc>, &give_back<&cudaFreeHost>, &pinned_};
  const auto create = [&](nvjpegBackend_t kind) {
    return nvjpegCreateExV2(kind, &device_allocator_, &pinned_allocator_, NVJPEG_FLAGS_DEFAULT,
                            &handle_);
  };
  if (backend != JpegBackend::hybrid) {
    const nvjpegStatus_t status = create(NVJPEG_BACKEND_HARDWARE);
    hardware_ = status == NVJPEG_STATUS_SUCCESS;
    if (!hardware_ && backend == JpegBackend::hardware) check(status, "hardware decoder");
  }
  if (!hardware_) check(create(NVJPEG_BACKEND_GPU_HYBRID), "hybrid decoder");
  try {
    make_state();
    check(nvjpegJpegStreamCreate(handle_, &header_), "stream");
  } catch (...) {
    if (state_ != nullptr) nvjpegJpegStateDestroy(state_);
    nvjpegDestroy(handle_);
    throw;
  }
}

NvJpegDecoder::~NvJpegDecoder() {
  if (single_state_ != nullptr) nvjpegJpegStateDestroy(single_state_);
  for (int i = 0; i < kBuffers; ++i) {
    if (bitstream_[i] != nullptr) nvjpegJpegStreamDestroy(bitstream_[i]);
    if (pinned_buffer_[i] != nullptr) nvjpegBufferPinnedDestroy(pinned_buffer_[i]);
  }
  if (device_buffer_ != nullptr) nvjpegBufferDeviceDestroy(device_buffer_);
  if (params_ != nullptr) nvjpegDecodeParamsDestroy(params_);
  if (single_ != nullptr) nvjpegDecoderDestroy(single_);
  if (header_ != nullptr) nvjpegJpegStreamDestroy(header_);
  if (state_ != nullptr) nvjpegJpegStateDestroy(state_);
  nvjpegDestroy(handle_);
}

std::string NvJpegDecoder::name() const {
  int major = 0, minor = 0;
  nvjpegGetProperty(MAJOR_VERSION, &major);
  nvjpegGetProperty(MINOR_VERSION, &minor);
  return fmt::format("nvJPEG {}.{} {}", major, minor, hardware_ ? "hardware" : "hybrid");
}

void NvJpegDecoder::make_state() {
  if (state_ != nullptr) nvjpegJpegStateDestroy(state_);
  state_ = nullptr;
  check(nvjpegJpegStateCreate(handle_, &state_), "state");
}

bool NvJpegDecoder::takes_in_batch(const JpegToDecode& jpeg) {
  if (jpeg.jpeg.progressive) return false;
  if (!hardware_) return true;
  if (nvjpegJpegStreamParseHeader(handle_, bytes_of(jpeg), jpeg.file.size(), header_) !=
      NVJPEG_STATUS_SUCCESS)
    return false;
  int unsupported = 1;  // despite the parameter's name, 0 says that it is supported
  return nvjpegDecodeBatchedSupported(handle_, header_, &unsupported) == NVJPEG_STATUS_SUCCESS &&
         unsupported == 0;
}

void NvJpegDecoder::decode(std::span<JpegToDecode> jpegs, cudaStream_t stream) {
  std::vector<JpegToDecode*> batch, singles;
  for (JpegToDecode& jpeg : jpegs) {
    jpeg.decoded = false;
    (takes_in_batch(jpeg) ? batch : singles).push_back(&jpeg);
  }
  // The engines share a batch best when like stands by like, the largest first.
  std::ranges::stable_sort(batch, [](const JpegToDecode* a, const JpegToDecode* b) {
    const auto rank = [](const JpegToDecode& jpeg) {
      return std::pair(-static_cast<int>(jpeg.jpeg.sampling),
                       std::int64_t{jpeg.jpeg.width} * jpeg.jpeg.height);
    };
    return rank(*a) > rank(*b);
  });
  decode_batch(batch, stream);
  for (JpegToDecode* jpeg : singles) decode_one(*jpeg, stream);
}

/// Halves what fails until the images at fault stand alone: they are left undecoded.
void NvJpegDecoder::decode_batch(std::span<JpegToDecode* const> jpegs, cudaStream_t stream) {
  if (jpegs.empty() || try_batch(jpegs, stream) || jpegs.size() == 1) return;
  const std::size_t half = jpegs.size() / 2;
  decode_batch(jpegs.first(half), stream);
  decode_batch(jpegs.subspan(half), stream);
}

bool NvJpegDecoder::try_batch(std::span<JpegToDecode* const> jpegs, cudaStream_t stream) {
  data_.clear();
  lengths_.clear();
  outputs_.clear();
  for (const JpegToDecode* jpeg : jpegs) {
    data_.push_back(bytes_of(*jpeg));
    lengths_.push_back(jpeg->file.size());
    outputs_.push_back(image_of(*jpeg));
  }
  nvjpegStatus_t status =
      nvjpegDecodeBatchedInitialize(handle_, state_, static_cast<int>(jpegs.size()), 1, kFormat);
  if (status == NVJPEG_STATUS_SUCCESS) {
    status = nvjpegDecodeBatched(handle_, state_, data_.data(), lengths_.data(), outputs_.data(),
                                 stream);
  }
  if (status == NVJPEG_STATUS_SUCCESS) {
    for (JpegToDecode* jpeg : jpegs) jpeg->decoded = true;
    return true;
  }
  cuda::check(cudaStreamSynchronize(stream), "JPEG decoding");
  make_state();  // a failure leaves the old one in no known condition
  return false;
}

void NvJpegDecoder::open_single() {
  if (single_state_ != nullptr) return;
  check(nvjpegDecoderCreate(handle_, NVJPEG_BACKEND_HYBRID, &single_), "decoder");
  check(nvjpegDecodeParamsCreate(handle_, &params_), "parameters");
  check(nvjpegDecodeParamsSetOutputFormat(params_, kFormat), "output format");
  check(nvjpegBufferDeviceCreateV2(handle_, &device_allocator_, &device_buffer_), "buffer");
  for (int i = 0; i < kBuffers; ++i) {
    check(nvjpegBufferPinnedCreateV2(handle_, &pinned_allocator_, &pinned_buffer_[i]), "buffer");
    check(nvjpegJpegStreamCreate(handle_, &bitstream_[i]), "stream");
  }
  check(nvjpegDecoderStateCreate(handle_, single_, &single_state_), "state");
  check(nvjpegStateAttachDeviceBuffer(single_state_, device_buffer_), "buffer");
}

void NvJpegDecoder::decode_one(JpegToDecode& jpeg, cudaStream_t stream) {
  open_single();
  const int buffer = next_buffer_;
  next_buffer_ = (next_buffer_ + 1) % kBuffers;
  nvjpegImage_t output = image_of(jpeg);
  int unsupported = 1;
  // While the GPU works on the image before, the CPU decodes this one's Huffman codes into the
  // other buffer; then the image before must be done, since both share the device's buffer.
  const bool host_done = nvjpegJpegStreamParse(handle_, bytes_of(jpeg), jpeg.file.size(), 0, 0,
                                               bitstream_[buffer]) == NVJPEG_STATUS_SUCCESS &&
                         nvjpegDecoderJpegSupported(single_, bitstream_[buffer], params_,
                                                    &unsupported) == NVJPEG_STATUS_SUCCESS &&
                         unsupported == 0 &&
                         nvjpegStateAttachPinnedBuffer(single_state_, pinned_buffer_[buffer]) ==
                             NVJPEG_STATUS_SUCCESS &&
                         nvjpegDecodeJpegHost(handle_, single_, single_state_, params_,
                                              bitstream_[buffer]) == NVJPEG_STATUS_SUCCESS;
  if (!host_done) return;
  cuda::check(cudaStreamSynchronize(stream), "JPEG decoding");
  jpeg.decoded =
      nvjpegDecodeJpegTransferToDevice(handle_, single_, single_state_, bitstream_[buffer],
                                       stream) == NVJPEG_STATUS_SUCCESS &&
      nvjpegDecodeJpegDevice(handle_, single_, single_state_, &output, stream) ==
          NVJPEG_STATUS_SUCCESS;
}

}  // namespace caft::cuda
