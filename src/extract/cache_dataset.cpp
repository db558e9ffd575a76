#include "caft/extract/cache_dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <unordered_set>

#include "caft/core/error.hpp"
#include "caft/core/version.hpp"
#include "extract/device_lanes.hpp"

namespace caft {
namespace {

nlohmann::json soft_fingerprint(const Backbone& backbone) {
  return {{"backbone", backbone.card.name},
          {"weights", backbone.card.weights},
          {"engine", backbone.engine->description()},
          {"golden_cosine", backbone.golden_cosine},
          {"caft", version()}};
}

std::filesystem::path default_folder(const Backbone& backbone, const Fingerprint& fingerprint) {
  return caft_home() / "caches" / (backbone.card.name + "-" + fingerprint.id().substr(0, 12));
}

/// One run over a data set: finds each sample's key and decides who computes it.
class CacheRun {
 public:
  CacheRun(const Dataset& dataset, CachedDataset& result, Cache::Writer& writer,
           ProgressSink* progress)
      : dataset_(dataset),
        result_(result),
        writer_(writer),
        progress_(progress),
        memo_(result.cache.remembers_any()) {}

  /// The bytes of sample i, or nothing when its features are there or on their way.
  std::optional<std::vector<std::byte>> fetch(std::size_t i) {
    const ImageSource& source = dataset_.samples[i].source;
    const bool whole_file = source.member.empty();
    const std::string path = std::filesystem::absolute(source.file).lexically_normal().string();
    std::optional<FileStamp> stamp;
    if (whole_file) {
      stamp = file_stamp(source.file);
      // Asking waits for the writer's transactions, so it is done only where it may find something.
      const auto key = memo_ ? result_.cache.remembered(path, *stamp) : std::nullopt;
      if (key && has(*key)) {
        result_.keys[i] = *key;
        reused();
        return std::nullopt;
      }
    }
    std::vector<std::byte> bytes = read_source(source);
    const SampleKey key = xxh3_128(bytes);
    // The stamp was taken before the read: a file that changed in between gets a stamp that no
    // longer fits, and is read again next time.
    if (stamp) writer_.remember(path, *stamp, key);
    result_.keys[i] = key;
    if (has(key) || !claim(key)) {
      reused();
      return std::nullopt;
    }
    return bytes;
  }

  void row(std::size_t i, std::span<const float> features) {
    writer_.append(*result_.keys[i], features);
    ++computed_;
    step();
  }

  void bad(std::size_t i, const std::string& reason) {
    {
      const std::lock_guard lock(mutex_);
      result_.bad.push_back({i, dataset_.samples[i].source.display_name(), reason});
      if (result_.keys[i]) bad_keys_.insert(*result_.keys[i]);
    }
    result_.keys[i].reset();
    step();
  }

  /// Copies of a file that turned out bad are bad too, though another worker met them first.
  void settle() {
    for (std::size_t i = 0; i < result_.keys.size(); ++i) {
      if (result_.keys[i] && bad_keys_.contains(*result_.keys[i])) {
        result_.keys[i].reset();
        result_.bad.push_back({i, dataset_.samples[i].source.display_name(),
                               "it is a copy of another unreadable file"});
        --reused_;
      }
    }
    std::ranges::sort(result_.bad, {}, &BadFile::sample);
    result_.computed = computed_;
    result_.reused = reused_;
  }

 private:
  bool has(const SampleKey& key) const { return result_.cache.contains(key); }
  bool claim(const SampleKey& key) {
    const std::lock_guard lock(mutex_);
    return claimed_.insert(key).second;
  }
  void reused() {
    ++reused_;
    step();
  }
  void step() {
    const std::size_t done = ++done_;
    if (progress_ != nullptr) progress_->update("caching", done, dataset_.samples.size());
  }

  const Dataset& dataset_;
  CachedDataset& result_;
  Cache::Writer& writer_;
  ProgressSink* progress_;
  bool memo_;  ///< whether an earlier run remembers paths
  std::atomic<std::size_t> done_{0}, computed_{0}, reused_{0};
  std::mutex mutex_;
  std::unordered_set<SampleKey> claimed_, bad_keys_;
};

void refuse_too_many_bad(const CachedDataset& result, std::size_t samples, double max_bad) {
  if (result.bad.size() == samples && samples > 0) {
    throw Error(ErrorKind::bad_input,
                fmt::format("none of the {} images can be read, the first: {}: {}", samples,
                            result.bad[0].path, result.bad[0].reason));
  }
  if (static_cast<double>(result.bad.size()) > max_bad * static_cast<double>(samples)) {
    throw Error(
        ErrorKind::bad_input,
        fmt::format("{} of {} images cannot be read, over the limit of {:g} %; the first: {}: {}",
                    result.bad.size(), samples, max_bad * 100, result.bad[0].path,
                    result.bad[0].reason),
        "mend or remove them, or raise --max-bad");
  }
}

}  // namespace

Fingerprint backbone_fingerprint(const Backbone& backbone, DType dtype) {
  Fingerprint fingerprint;
  fingerprint.hard = {{"onnx_sha256", backbone.card.onnx_sha256},
                      {"cut", backbone.card.output},
                      {"preprocessing", to_json(backbone.preprocessing)},
                      {"views", 1},
                      {"seed", 0},
                      {"dtype", to_string(dtype)},
                      {"precision", to_string(backbone.engine->precision())}};
  fingerprint.soft = soft_fingerprint(backbone);
  return fingerprint;
}

CachedDataset cache_dataset(const Dataset& dataset, const Backbone& backbone,
                            const CacheOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const Fingerprint fingerprint = backbone_fingerprint(backbone, options.dtype);
  const std::filesystem::path folder =
      options.folder.empty() ? default_folder(backbone, fingerprint) : options.folder;
  CachedDataset result{
      .cache = Cache::open_or_create(
          folder, fingerprint,
          {.dtype = options.dtype, .dim = static_cast<std::size_t>(backbone.card.feature_dim)}),
      .keys = std::vector<std::optional<SampleKey>>(dataset.samples.size())};
  {
    nlohmann::json soft = fingerprint.soft;
    soft["decoder"] =
        decodes_on_gpu(backbone, options.extract, dataset.samples.size()) ? "gpu" : "cpu";
    Cache::Writer writer = result.cache.writer(options.writer, soft);
    CacheRun run(dataset, result, writer, options.progress);
    const ExtractTask task{
        .count = dataset.samples.size(),
        .fetch = [&run](std::size_t i) { return run.fetch(i); },
        .row = [&run](std::size_t i, std::span<const float> row) { run.row(i, row); },
        .bad = [&run](std::size_t i, const std::string& reason) { run.bad(i, reason); }};
    result.times = extract(backbone, task, options.extract);
    run.settle();
    std::vector<std::pair<std::string, SampleKey>> manifest;
    for (std::size_t i = 0; i < result.keys.size(); ++i) {
      if (result.keys[i])
        manifest.emplace_back(dataset.samples[i].source.display_name(), *result.keys[i]);
    }
    writer.finish(dataset.name, manifest);
  }
  if (options.progress != nullptr) options.progress->finish();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  refuse_too_many_bad(result, dataset.samples.size(), options.max_bad);
  return result;
}

}  // namespace caft
