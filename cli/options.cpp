#include "options.hpp"

#include <algorithm>
#include <charconv>

#include "caft/core/error.hpp"
#include "caft/core/gpu.hpp"

namespace caft::cli {
namespace {

/// "all" or "0,1". Throws Error(usage | unavailable).
std::vector<int> parse_devices(const std::string& text) {
  std::vector<int> devices;
  if (text == "all") {
    const GpuList list = gpu_list();
    for (const GpuInfo& gpu : list.gpus) devices.push_back(gpu.index);
    if (devices.empty())
      throw Error(ErrorKind::unavailable, "--devices all: there is no GPU (" + list.reason + ")",
                  "leave --devices out");
    return devices;
  }
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    int device = -1;
    const auto [rest, error] = std::from_chars(text.data() + begin, text.data() + end, device);
    if (error != std::errc{} || rest != text.data() + end || device < 0 ||
        std::ranges::find(devices, device) != devices.end())
      throw Error(ErrorKind::usage, "--devices " + text + " is no list of GPUs",
                  "give all, or different numbers: 0,1");
    devices.push_back(device);
    begin = end + 1;
  }
  return devices;
}

}  // namespace

Optimizer optimizer_of(const std::string& name) {
  if (name == "lbfgs") return Optimizer::lbfgs;
  return name == "sgd" ? Optimizer::sgd : Optimizer::adamw;
}

void EngineOptions::add_to(CLI::App& app) {
  app.add_option("--backend", backend, "Inference backend (default: the fastest that runs here)");
  app.add_option("--precision", precision, "Precision of the backbone (default: auto)")
      ->check(CLI::IsMember({"auto", "fp32", "fp16", "bf16", "int8"}));
  app.add_option("--threads", threads, "CPU threads (default: every core)")
      ->check(CLI::Range(0, 4096));
  app.add_option("--batch", batch, "Images a request (default: 16 on a CPU, 256 on a GPU)")
      ->check(CLI::Range(1, 4096));
}

void DecodeFlag::add_to(CLI::App& app) {
  app.add_option("--decode", where, "Who decodes JPEGs")
      ->check(CLI::IsMember({"auto", "cpu", "gpu"}))
      ->capture_default_str();
}

void CacheFlags::add_to(CLI::App& app) {
  app.add_option("--cache", folder, "Cache folder (default: in CAFT_HOME, by backbone)");
  app.add_option("--dtype", dtype, "How features are stored")
      ->check(CLI::IsMember({"fp16", "fp32"}))
      ->capture_default_str();
  app.add_option("--max-bad", max_bad, "Share of unreadable images above which the run fails")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--shard-mib", shard_mib, "Size of a shard: what a kill can cost")
      ->check(CLI::Range(0.0001, 4096.0))
      ->capture_default_str();
  app.add_option("--max-pixels", max_pixels, "Largest image that is decoded")
      ->capture_default_str();
  decode.add_to(app);
}

CacheOptions CacheFlags::resolve(ProgressSink* progress) const {
  CacheOptions options;
  options.folder = folder;
  options.dtype = dtype == "fp32" ? DType::f32 : DType::f16;
  options.max_bad = max_bad;
  options.extract.limits.max_pixels = max_pixels;
  options.extract.decode = decode.resolve();
  options.writer.shard_bytes = static_cast<std::size_t>(shard_mib * (1 << 20));
  options.progress = progress;
  return options;
}

void BackboneFlags::add_to(CLI::App& app) {
  app.add_option("-b,--backbone", name, "Backbone: a name from caft zoo list, or a card.json")
      ->capture_default_str();
  app.add_option("--image-size", image_size, "Image size in pixels (default: the card's)")
      ->check(CLI::Range(1, 4096));
  app.add_flag("--squash", squash, "Resize the whole image to the image size, ratio not kept");
  app.add_flag("--exif", exif, "Turn images as their EXIF orientation says");
  app.add_option("--devices", devices, "GPUs to use: all, or their numbers: 0,1 (default: 0)");
  engine.add_to(app);
}

BackboneOptions BackboneFlags::resolve() const {
  BackboneOptions options;
  options.backend = engine.backend;
  options.precision =
      engine.precision.empty() ? Precision::automatic : precision_from_string(engine.precision);
  options.image_size = image_size;
  options.squash = squash;
  options.exif_orientation = exif;
  options.batch = engine.batch;
  options.threads = engine.threads;
  if (!devices.empty()) {
    options.more_devices = parse_devices(devices);
    options.device = options.more_devices.front();
    options.more_devices.erase(options.more_devices.begin());
  }
  return options;
}

}  // namespace caft::cli
