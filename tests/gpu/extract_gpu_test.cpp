// Extraction on a GPU end to end: decoded there or here, the features are the same, and so are the
// files that are bad.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "caft/core/gpu.hpp"
#include "caft/extract/cache_dataset.hpp"
#include "conformance/nets.hpp"
#include "support/jpeg_writer.hpp"
#include "temp_folder.hpp"

namespace caft::test {
namespace {

class GpuExtract : public testing::Test {
 protected:
  void SetUp() override {
    const GpuList list = gpu_list();
    if (list.gpus.empty()) GTEST_SKIP() << list.reason;
    gpus_ = list.gpus.size();
  }

  /// A small network as a backbone, without a card file. f32, so that only pixels make differences.
  Backbone open(std::size_t devices = 1, int batch = 16) {
    Backbone backbone{.backend = "tensorrt"};
    EngineConfig config;
    config.onnx = net("baked");  // one output
    config.precision = Precision::fp32;
    config.batch = {.min = 1, .opt = batch, .max = batch};
    config.normalization =
        InputNormalization{backbone.preprocessing.mean, backbone.preprocessing.std};
    config.plan.tf32 = false;
    config.plan.store = folder_.path() / "plans";
    for (std::size_t device = 0; device < devices; ++device) {
      config.device_index = static_cast<int>(device);
      std::shared_ptr<Engine> engine = caft::backend("tensorrt").build(config);
      if (device == 0) {
        backbone.engine = engine;
      } else {
        backbone.replicas.push_back(engine);
      }
    }
    const TensorInfo &input = backbone.engine->inputs()[0], &output = backbone.engine->outputs()[0];
    backbone.card.name = "baked";
    backbone.card.input = input.name;
    backbone.card.output = output.name;
    backbone.card.onnx_sha256 = "test";
    backbone.card.feature_dim = static_cast<int>(output.shape[1]);
    backbone.preprocessing.height = static_cast<int>(input.shape[1]);
    backbone.preprocessing.width = static_cast<int>(input.shape[2]);
    backbone.preprocessing.resize = backbone.preprocessing.height + 8;
    return backbone;
  }

  /// `count` files: JPEGs of several kinds, every seventh a BMP, and some that cannot be read.
  Dataset make_dataset(std::size_t count, bool with_bad = true) {
    const std::filesystem::path root = folder_.path() / "data" / "one";
    std::filesystem::create_directories(root);
    for (std::size_t i = 0; i < count; ++i) {
      const auto seed = static_cast<unsigned>(i);
      const Image photo = make_photo(120 + static_cast<int>(i * 13 % 300),
                                     100 + static_cast<int>(i * 29 % 250), seed);
      JpegKind kind{.quality = 60 + static_cast<int>(i % 41),
                    .sampling = static_cast<ChromaSampling>(i % 5),
                    .progressive = i % 11 == 4};
      if (i % 17 == 9) kind.color = JpegColor::cmyk;
      if (kind.color == JpegColor::cmyk) kind.sampling = ChromaSampling::s444;
      std::vector<std::byte> file = i % 7 == 3 ? write_bmp(photo) : write_jpeg(photo, kind);
      if (with_bad && i % 50 == 10) file.resize(file.size() / 2);
      if (with_bad && i % 50 == 20) file.assign(100, std::byte{1});
      if (with_bad && i % 50 == 30) file.clear();
      const std::string number = std::to_string(1000 + i);
      write_file_atomically(root / (number + (i % 7 == 3 ? ".bmp" : ".jpg")), file);
    }
    return open_dataset(folder_.path() / "data");
  }

  using ChromaSampling = image::ChromaSampling;
  std::size_t gpus_ = 0;
  TempFolder folder_;
};

struct Rows {
  std::vector<std::vector<float>> features;
  std::vector<std::string> bad;
};

Rows run(const Backbone& backbone, const Dataset& dataset, const ExtractOptions& options) {
  Rows rows{.features = std::vector<std::vector<float>>(dataset.samples.size()),
            .bad = std::vector<std::string>(dataset.samples.size())};
  std::vector<std::atomic<int>> arrivals(dataset.samples.size());
  const ExtractTask task{
      .count = dataset.samples.size(),
      .fetch = [&](std::size_t i) { return std::optional(read_source(dataset.samples[i].source)); },
      .row =
          [&](std::size_t i, std::span<const float> row) {
            rows.features[i].assign(row.begin(), row.end());
            ++arrivals[i];
          },
      .bad =
          [&](std::size_t i, const std::string& reason) {
            rows.bad[i] = reason;
            ++arrivals[i];
          }};
  const ExtractTimes times = extract(backbone, task, options);
  std::printf("decode %s: fetch %.3f s, decode %.3f s, engine %.3f s\n",
              std::string(to_string(options.decode)).c_str(), times.fetch, times.decode,
              times.engine);
  for (std::size_t i = 0; i < arrivals.size(); ++i) EXPECT_EQ(arrivals[i], 1) << "item " << i;
  return rows;
}

/// Least cosine over the rows, after subtracting the mean row of `expected`.
double least_cosine(const Rows& actual, const Rows& expected) {
  std::vector<double> mean;
  double count = 0;
  for (const auto& row : expected.features) {
    if (row.empty()) continue;
    mean.resize(row.size());
    for (std::size_t d = 0; d < row.size(); ++d) mean[d] += row[d];
    ++count;
  }
  double least = 1;
  for (std::size_t i = 0; i < expected.features.size(); ++i) {
    const auto &a = actual.features[i], &b = expected.features[i];
    if (a.size() != b.size()) return -1;
    double dot = 0, aa = 0, bb = 0;
    for (std::size_t d = 0; d < a.size(); ++d) {
      const double x = a[d] - mean[d] / count, y = b[d] - mean[d] / count;
      dot += x * y;
      aa += x * x;
      bb += y * y;
    }
    if (!a.empty()) least = std::min(least, dot / std::sqrt(aa * bb));
  }
  return least;
}

TEST_F(GpuExtract, DecodersAgreeOnFeaturesAndOnBadFiles) {
  const Dataset dataset = make_dataset(203);
  const Backbone backbone = open();
  const Rows cpu = run(backbone, dataset, {.decode = DecodeWhere::cpu});
  const Rows gpu = run(backbone, dataset, {.decode = DecodeWhere::gpu});
  EXPECT_EQ(gpu.bad, cpu.bad);
  const auto bad = std::ranges::count_if(cpu.bad, [](const auto& why) { return !why.empty(); });
  EXPECT_GE(bad, 10);
  const double cosine = least_cosine(gpu, cpu);
  std::printf("least centred cosine of GPU-decoded against CPU-decoded features: %.6f\n", cosine);
  EXPECT_GT(cosine, 0.99);
}

TEST_F(GpuExtract, OneLaneAndManyGiveTheSameRows) {
  const Dataset dataset = make_dataset(150, false);
  const Backbone backbone = open();
  const Rows one = run(backbone, dataset, {.workers = 1, .decode = DecodeWhere::gpu});
  const Rows many = run(backbone, dataset, {.workers = 6, .decode = DecodeWhere::gpu});
  EXPECT_GT(least_cosine(many, one), 0.99999);
}

TEST_F(GpuExtract, BatchesLargerThanTheDataAndSingleImagesWork) {
  const Dataset dataset = make_dataset(5, false);
  const Backbone large = open(1, 64), single = open(1, 1);
  const Rows a = run(large, dataset, {.decode = DecodeWhere::gpu});
  const Rows b = run(single, dataset, {.decode = DecodeWhere::gpu});
  const Rows c = run(large, dataset, {});  // few images: decoded on the CPU
  EXPECT_GT(least_cosine(a, b), 0.9999);
  EXPECT_GT(least_cosine(a, c), 0.9);
}

TEST_F(GpuExtract, AllGpusFillOneRun) {
  if (gpus_ < 2) GTEST_SKIP() << "one GPU";
  const Dataset dataset = make_dataset(400);
  const Rows one = run(open(1), dataset, {.decode = DecodeWhere::gpu});
  const Rows all = run(open(gpus_), dataset, {.decode = DecodeWhere::gpu});
  EXPECT_EQ(all.bad, one.bad);
  EXPECT_GT(least_cosine(all, one), 0.9999);
}

TEST_F(GpuExtract, AnErrorInACallbackEndsTheRun) {
  const Dataset dataset = make_dataset(200, false);
  const Backbone backbone = open();
  const ExtractTask task{
      .count = dataset.samples.size(),
      .fetch = [&](std::size_t i) { return std::optional(read_source(dataset.samples[i].source)); },
      .row = [](std::size_t, std::span<const float>) { throw Error(ErrorKind::mismatch, "full"); },
      .bad = [](std::size_t, const std::string&) {}};
  EXPECT_THROW(extract(backbone, task, {.decode = DecodeWhere::gpu}), Error);
  const ExtractTask broken{.count = 1000,
                           .fetch = [](std::size_t i) -> std::optional<std::vector<std::byte>> {
                             if (i == 500) throw Error(ErrorKind::usage, "broken");
                             return std::nullopt;
                           },
                           .row = [](std::size_t, std::span<const float>) {},
                           .bad = [](std::size_t, const std::string&) {}};
  EXPECT_THROW(extract(backbone, broken, {.decode = DecodeWhere::gpu}), Error);
}

TEST_F(GpuExtract, CachesAreAlikeWhoeverDecodes) {
  const Dataset dataset = make_dataset(300);
  const Backbone backbone = open();
  std::vector<CachedDataset> caches;
  for (const DecodeWhere where : {DecodeWhere::cpu, DecodeWhere::gpu}) {
    CacheOptions options;
    options.folder = folder_.path() / ("cache-" + std::string(to_string(where)));
    options.max_bad = 0.5;
    options.extract.decode = where;
    caches.push_back(cache_dataset(dataset, backbone, options));
  }
  ASSERT_EQ(caches[0].bad.size(), caches[1].bad.size());
  for (std::size_t i = 0; i < caches[0].bad.size(); ++i) {
    EXPECT_EQ(caches[0].bad[i].sample, caches[1].bad[i].sample);
    EXPECT_EQ(caches[0].bad[i].reason, caches[1].bad[i].reason);
  }
  EXPECT_EQ(caches[0].computed, caches[1].computed);
  EXPECT_EQ(caches[0].keys, caches[1].keys);
  EXPECT_TRUE(caches[1].cache.verify().empty());
  CacheOptions again;
  again.folder = folder_.path() / "cache-gpu";
  again.max_bad = 0.5;
  EXPECT_EQ(cache_dataset(dataset, backbone, again).computed, 0U);
}

}  // namespace
}  // namespace caft::test
