#include "validate_images.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <fstream>
#include <mutex>
#include <thread>

#include "caft/core/error.hpp"
#include "caft/image/image.hpp"

namespace caft::cli {
namespace {

namespace fs = std::filesystem;

/// Decodes on every core. Throws what the last unreadable image threw, with its name.
void load_images(std::span<const ImageSource> sources, const Preprocessing& spec,
                 std::vector<std::uint8_t>& pixels) {
  const auto bytes =
      static_cast<std::size_t>(spec.height) * static_cast<std::size_t>(spec.width) * 3;
  pixels.resize(sources.size() * bytes);
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    for (std::size_t i = next++; i < sources.size(); i = next++) {
      try {
        const Image image =
            decode_image(read_source(sources[i]), {.exif_orientation = spec.exif_orientation});
        resize_and_crop(image, spec, {pixels.data() + i * bytes, bytes});
      } catch (const Error& error) {
        const std::lock_guard lock(mutex);
        failure = std::make_exception_ptr(
            Error(error.kind(), sources[i].display_name() + ": " + error.what()));
      } catch (...) {
        const std::lock_guard lock(mutex);
        failure = std::current_exception();
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 1; i < std::thread::hardware_concurrency(); ++i) threads.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

EngineRows::EngineRows(const Subject& subject)
    : subject_(subject), context_(subject.backbone.engine->create_context()) {}

std::size_t EngineRows::most() const {
  return static_cast<std::size_t>(subject_.backbone.engine->batch().max);
}

void EngineRows::append(std::uint8_t* pixels, std::size_t count) {
  const Preprocessing& spec = subject_.backbone.preprocessing;
  const auto rows = static_cast<std::int64_t>(count);
  const TensorView input{.name = subject_.backbone.card.input,
                         .data = pixels,
                         .dtype = DType::u8,
                         .shape = {rows, spec.height, spec.width, 3}};
  const std::vector<TensorInfo>& infos = subject_.backbone.engine->outputs();
  std::vector<std::vector<float>> results(infos.size());
  std::vector<TensorView> outputs;
  for (std::size_t i = 0; i < infos.size(); ++i) {
    TensorView view{.name = infos[i].name, .dtype = infos[i].dtype, .shape = infos[i].shape};
    if (view.dtype != DType::f32) {
      throw Error(ErrorKind::usage, "output '" + view.name + "' is not f32");
    }
    view.shape[0] = rows;
    std::size_t size = 1;
    for (const std::int64_t length : view.shape) size *= static_cast<std::size_t>(length);
    results[i].resize(size);
    view.data = results[i].data();
    outputs.push_back(std::move(view));
  }
  context_->infer({&input, 1}, outputs);
  for (std::size_t i = 0; i < infos.size(); ++i) {
    if (infos[i].name != subject_.output) continue;
    values.insert(values.end(), results[i].begin(), results[i].end());
  }
}

std::vector<ImageSource> choose_images(const std::vector<fs::path>& paths, std::size_t limit) {
  const std::vector<Sample> samples = open_images(paths).samples;
  const std::size_t count = limit == 0 ? samples.size() : std::min(limit, samples.size());
  std::vector<ImageSource> chosen;
  for (std::size_t i = 0; i < count; ++i) {
    chosen.push_back(samples[i * samples.size() / count].source);
  }
  return chosen;
}

void run_images(std::span<const ImageSource> sources, const Subject& subject, const fs::path& file,
                EngineRows& engine) {
  const Preprocessing& spec = subject.backbone.preprocessing;
  std::ofstream out(file, std::ios::binary);
  out << safetensors_header({{.name = "images",
                              .dtype = DType::u8,
                              .shape = {sources.size(), static_cast<std::uint64_t>(spec.height),
                                        static_cast<std::uint64_t>(spec.width), 3}}});
  std::vector<std::uint8_t> pixels;
  for (std::size_t first = 0; first < sources.size(); first += engine.most()) {
    const std::size_t count = std::min(engine.most(), sources.size() - first);
    load_images(sources.subspan(first, count), spec, pixels);
    out.write(reinterpret_cast<const char*>(pixels.data()),
              static_cast<std::streamsize>(pixels.size()));
    engine.append(pixels.data(), count);
  }
  out.close();
  if (!out)
    throw Error(ErrorKind::io, "cannot write " + file.string(), "point TMPDIR at more space");
}

void run_golden(const Subject& subject, const SafeTensorsFile& golden, EngineRows& engine) {
  const SafeTensorInfo& info = golden.tensor("images");
  const Preprocessing& spec = subject.backbone.preprocessing;
  if (info.dtype != DType::u8 || info.shape.size() != 4 || info.shape[0] == 0 ||
      info.shape[1] != static_cast<std::uint64_t>(spec.height) ||
      info.shape[2] != static_cast<std::uint64_t>(spec.width) || info.shape[3] != 3) {
    throw Error(ErrorKind::usage, "the golden sample has another image size", "give --images");
  }
  std::vector<std::byte> pixels = golden.read("images");
  const std::size_t rows = info.shape[0], bytes = pixels.size() / rows;
  for (std::size_t first = 0; first < rows; first += engine.most()) {
    engine.append(reinterpret_cast<std::uint8_t*>(pixels.data()) + first * bytes,
                  std::min(engine.most(), rows - first));
  }
}

}  // namespace caft::cli
