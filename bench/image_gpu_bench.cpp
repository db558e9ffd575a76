// How fast a GPU turns JPEGs into preprocessed pixels, for several numbers of lanes: prints JSON.
//
//   image_gpu_bench FOLDER [--batch 256] [--lanes 1,2,4] [--seconds 3] [--backend auto]
//                          [--most 4096] [--device 0]
//
// FOLDER is walked for files, at most --most, which are read into memory first. Each lane is a
// thread with an image loader of its own, as in an extraction. `decode`: nvJPEG to planes;
// `resize`: upload of decoded pixels, resize and crop; `load`: decode, convert, resize and crop, as
// caching does. `host_ms_a_batch` is how long a lane's call takes with the others running.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "caft/core/gpu.hpp"
#include "cuda/image_loader.hpp"

namespace {

using namespace caft;
using cuda::ImageLoader;
using Clock = std::chrono::steady_clock;

struct Options {
  std::filesystem::path folder;
  std::size_t batch = 256, most = 4096;
  std::vector<int> lanes = {1, 2, 4};
  double seconds = 3;
  cuda::JpegBackend backend = cuda::JpegBackend::automatic;
  int device = 0;
};

struct File {
  std::vector<std::byte> bytes;
  image::JpegInfo jpeg;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (!name.starts_with("--")) {
      options.folder = name;
      continue;
    }
    if (i + 1 == argc) throw Error(ErrorKind::usage, name + " wants a value");
    const std::string value = argv[++i];
    if (name == "--batch") {
      options.batch = std::stoul(value);
    } else if (name == "--most") {
      options.most = std::stoul(value);
    } else if (name == "--seconds") {
      options.seconds = std::stod(value);
    } else if (name == "--device") {
      options.device = std::stoi(value);
    } else if (name == "--backend") {
      options.backend = value == "hardware" ? cuda::JpegBackend::hardware
                        : value == "hybrid" ? cuda::JpegBackend::hybrid
                                            : cuda::JpegBackend::automatic;
    } else if (name == "--lanes") {
      options.lanes.clear();
      for (std::size_t at = 0; at < value.size(); at = value.find(',', at) + 1) {
        options.lanes.push_back(std::stoi(value.substr(at)));
        if (value.find(',', at) == std::string::npos) break;
      }
    } else {
      throw Error(ErrorKind::usage, "unknown option " + name);
    }
  }
  if (options.folder.empty()) throw Error(ErrorKind::usage, "usage: image_gpu_bench FOLDER …");
  return options;
}

std::vector<File> read_files(const Options& options) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(options.folder))
    if (entry.is_regular_file()) paths.push_back(entry.path());
  std::ranges::sort(paths);
  std::vector<File> files;
  for (const auto& path : paths) {
    if (files.size() == options.most) break;
    File file{.bytes = read_file(path)};
    const auto jpeg = image::probe_jpeg(file.bytes, {});
    if (!jpeg) continue;
    file.jpeg = *jpeg;
    files.push_back(std::move(file));
  }
  if (files.empty()) throw Error(ErrorKind::bad_input, "no JPEG for a GPU in the folder");
  return files;
}

/// Runs `work(loader, round)` on each of `lanes` threads for a time, after two rounds of warm-up.
nlohmann::json measure(const Options& options, int lanes,
                       const std::function<std::size_t(ImageLoader&, std::size_t)>& work) {
  std::atomic<int> ready{0};
  std::atomic<bool> go{false}, stop{false};
  std::atomic<std::size_t> images{0}, calls{0}, bytes{0}, round{0};
  std::vector<std::jthread> threads;
  for (int lane = 0; lane < lanes; ++lane) {
    threads.emplace_back([&] {
      try {
        const auto loader = cuda::open_image_loader({.device = options.device,
                                                     .batch = static_cast<int>(options.batch),
                                                     .backend = options.backend});
        for (int i = 0; i < 2; ++i) work(*loader, round++);
        ++ready;
        while (!go && !stop) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        while (!stop) {
          images += work(*loader, round++);
          ++calls;
        }
        bytes += loader->bytes();
      } catch (const std::exception& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        std::exit(1);
      }
    });
  }
  while (ready < lanes) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto start = Clock::now();
  go = true;
  std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
  stop = true;
  threads.clear();
  const double wall = std::chrono::duration<double>(Clock::now() - start).count();
  return {{"images_per_second", static_cast<double>(images) / wall},
          {"host_ms_a_batch", 1000 * wall * lanes / static_cast<double>(calls)},
          {"loader_mib", static_cast<double>(bytes) / lanes / (1 << 20)}};
}

std::vector<ImageLoader::Item> items_of(const std::vector<File>& files, std::size_t batch,
                                        std::size_t round) {
  std::vector<ImageLoader::Item> items;
  for (std::size_t i = 0; i < batch; ++i) {
    const File& file = files[(round * batch + i) % files.size()];
    items.push_back({.slot = i, .file = file.bytes, .jpeg = file.jpeg});
  }
  return items;
}

/// Mean and worst difference to the CPU's pixels over the first batch.
nlohmann::json compare(const Options& options, const std::vector<File>& files) {
  const Preprocessing spec;
  const std::size_t count = std::min(options.batch, files.size());
  const auto loader = cuda::open_image_loader({.device = options.device,
                                               .batch = static_cast<int>(count),
                                               .spec = spec,
                                               .backend = options.backend});
  const auto refused = loader->load(items_of(files, count, 0));
  const auto size =
      static_cast<std::size_t>(spec.height) * static_cast<std::size_t>(spec.width) * 3;
  std::vector<std::uint8_t> gpu(size), cpu(size);
  double sum = 0, worst = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (std::ranges::find(refused, i) != refused.end()) continue;
    loader->download(i, gpu);
    resize_and_crop(decode_image(files[i].bytes), spec, cpu);
    double mean = 0;
    for (std::size_t p = 0; p < size; ++p) mean += std::abs(int{gpu[p]} - int{cpu[p]});
    sum += mean / static_cast<double>(size);
    worst = std::max(worst, mean / static_cast<double>(size));
  }
  return {{"decoder", loader->decoder()},
          {"most_mib", static_cast<double>(loader->most_bytes()) / (1 << 20)},
          {"refused", refused.size()},
          {"mean_difference", sum / static_cast<double>(count)},
          {"worst_file_difference", worst}};
}

int run(const Options& options) {
  const std::vector<File> files = read_files(options);
  const GpuList gpus = gpu_list();
  double bytes = 0;
  for (const File& file : files) bytes += static_cast<double>(file.bytes.size());
  nlohmann::json json = compare(options, files);
  json["gpu"] =
      gpus.gpus.empty() ? gpus.reason : gpus.gpus.at(static_cast<std::size_t>(options.device)).name;
  json["files"] = files.size();
  json["mean_bytes"] = bytes / static_cast<double>(files.size());
  json["batch"] = options.batch;
  std::vector<Image> decoded;
  for (std::size_t i = 0; i < options.batch; ++i)
    decoded.push_back(i < 16 ? decode_image(files[i % files.size()].bytes) : decoded[i - 16]);
  for (const int lanes : options.lanes) {
    nlohmann::json line = {{"lanes", lanes}};
    line["decode"] = measure(options, lanes, [&](ImageLoader& loader, std::size_t round) {
      return options.batch - loader.decode_only(items_of(files, options.batch, round)).size();
    });
    line["resize"] = measure(options, lanes, [&](ImageLoader& loader, std::size_t) {
      thread_local bool there = false;  // each lane is a thread that begins anew
      there ? loader.resize_again() : loader.resize(decoded);
      there = true;
      return decoded.size();
    });
    line["load"] = measure(options, lanes, [&](ImageLoader& loader, std::size_t round) {
      return options.batch - loader.load(items_of(files, options.batch, round)).size();
    });
    json["lanes"].push_back(line);
  }
  std::printf("%s\n", json.dump(2).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(parse(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
