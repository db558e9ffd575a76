// The GPU's image loader against the CPU path: the resize bit for bit, decoded JPEGs within what
// two inverse DCTs may differ by.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <thread>

#include "caft/core/error.hpp"
#include "cuda/image_loader.hpp"
#include "support/jpeg_writer.hpp"

namespace caft::test {
namespace {

using cuda::ImageLoader;
using cuda::ImageLoaderOptions;
using cuda::JpegBackend;
using image::ChromaSampling;

std::size_t bytes_of(const Preprocessing& spec) {
  return std::size_t{3} * static_cast<std::size_t>(spec.height) *
         static_cast<std::size_t>(spec.width);
}

std::vector<std::uint8_t> on_cpu(const Image& image, const Preprocessing& spec) {
  std::vector<std::uint8_t> pixels(bytes_of(spec));
  resize_and_crop(image, spec, pixels);
  return pixels;
}

std::vector<std::uint8_t> slot(const ImageLoader& loader, std::size_t index,
                               const Preprocessing& spec) {
  std::vector<std::uint8_t> pixels(bytes_of(spec));
  loader.download(index, pixels);
  return pixels;
}

struct Difference {
  double mean = 0;
  int most = 0;
};

Difference difference(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
  Difference difference;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const int by = std::abs(int{a[i]} - int{b[i]});
    difference.mean += by;
    difference.most = std::max(difference.most, by);
  }
  difference.mean /= static_cast<double>(a.size());
  return difference;
}

/// "first at x,y channel c: expected 3, is 5"
std::string first_difference(const std::vector<std::uint8_t>& expected,
                             const std::vector<std::uint8_t>& actual, const Preprocessing& spec) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] == actual[i]) continue;
    const std::size_t pixel = i / 3, width = static_cast<std::size_t>(spec.width);
    return "first at " + std::to_string(pixel % width) + "," + std::to_string(pixel / width) +
           " channel " + std::to_string(i % 3) + ": expected " + std::to_string(expected[i]) +
           ", is " + std::to_string(actual[i]);
  }
  return "none";
}

std::vector<Preprocessing> specs() {
  std::vector<Preprocessing> all;
  for (const ResizeMode mode : {ResizeMode::short_side, ResizeMode::exact}) {
    for (const Interpolation interpolation : {Interpolation::bilinear, Interpolation::bicubic}) {
      all.push_back({.mode = mode, .interpolation = interpolation});
      all.push_back({.mode = mode,
                     .resize = 40,  // smaller than the crop: padding
                     .height = 65,
                     .width = 50,
                     .interpolation = interpolation});
      all.push_back({.mode = mode,
                     .resize = 232,
                     .height = 200,
                     .width = 330,
                     .interpolation = interpolation});
    }
  }
  return all;
}

TEST(GpuResize, EqualsTheCpuBitForBit) {
  const int sizes[][2] = {{500, 375}, {375, 500}, {224, 224}, {256, 256}, {1, 1},
                          {3, 300},   {300, 3},   {100, 80},  {80, 100},  {900, 700},
                          {640, 480}, {227, 499}, {999, 31},  {223, 225}, {257, 341}};
  std::vector<Image> images;
  for (const auto& [width, height] : sizes) images.push_back(make_photo(width, height, 7));
  for (const Preprocessing& spec : specs()) {
    const auto loader =
        cuda::open_image_loader({.batch = static_cast<int>(images.size()), .spec = spec});
    loader->resize(images);
    for (std::size_t i = 0; i < images.size(); ++i) {
      const auto expected = on_cpu(images[i], spec), actual = slot(*loader, i, spec);
      EXPECT_EQ(expected == actual, true)
          << images[i].width << "x" << images[i].height << " to " << spec.width << "x"
          << spec.height << (spec.mode == ResizeMode::exact ? " exact" : " short side")
          << (spec.interpolation == Interpolation::bicubic ? " bicubic: " : " bilinear: ")
          << first_difference(expected, actual, spec);
    }
  }
}

TEST(GpuResize, RefusesWhatTheKernelCannotHold) {
  const Preprocessing spec{.resize = 8, .height = 8, .width = 8};
  const auto loader = cuda::open_image_loader({.batch = 1, .spec = spec});
  const Image images[] = {make_photo(4000, 3000)};
  EXPECT_THROW(loader->resize(images), Error);
}

class GpuJpeg : public testing::TestWithParam<JpegBackend> {
 protected:
  [[nodiscard]] std::unique_ptr<ImageLoader> open(ImageLoaderOptions options) const {
    options.backend = GetParam();
    try {
      return cuda::open_image_loader(options);
    } catch (const Error& error) {
      if (GetParam() != JpegBackend::hardware) throw;
      reason_ = error.what();
      return nullptr;
    }
  }
  /// An item for `file`, which must be one that a GPU may decode.
  static ImageLoader::Item item(std::size_t slot, const std::vector<std::byte>& file) {
    const auto info = image::probe_jpeg(file, {});
    EXPECT_TRUE(info) << "slot " << slot;
    return {.slot = slot, .file = file, .jpeg = info.value_or(image::JpegInfo{})};
  }
  mutable std::string reason_;
};

#define CAFT_OPEN(loader, ...)           \
  const auto loader = open(__VA_ARGS__); \
  if (!loader) GTEST_SKIP() << reason_

TEST_P(GpuJpeg, PixelsAreTheCpusWithinTwoLevels) {
  const Preprocessing spec;
  std::vector<std::vector<std::byte>> files;
  std::vector<std::string> names;
  const int sizes[][2] = {{500, 375}, {333, 517}, {640, 480}, {97, 131}, {1024, 768}, {65, 64}};
  for (const ChromaSampling sampling :
       {ChromaSampling::grey, ChromaSampling::s444, ChromaSampling::s422, ChromaSampling::s420,
        ChromaSampling::s440}) {
    for (const int quality : {50, 75, 90, 100}) {
      for (const auto& [width, height] : sizes) {
        for (const bool progressive : {false, true}) {
          if (progressive && quality != 90) continue;
          files.push_back(
              write_jpeg(make_photo(width, height, static_cast<unsigned>(files.size())),
                         {.quality = quality, .sampling = sampling, .progressive = progressive}));
          names.push_back(std::to_string(width) + "x" + std::to_string(height) + " sampling " +
                          std::to_string(static_cast<int>(sampling)) + " quality " +
                          std::to_string(quality) + (progressive ? " progressive" : ""));
        }
      }
    }
  }
  CAFT_OPEN(loader, {.batch = static_cast<int>(files.size()), .spec = spec});
  std::vector<ImageLoader::Item> items;
  for (std::size_t i = 0; i < files.size(); ++i) items.push_back(item(i, files[i]));
  const auto refused = loader->load(items);
  for (const std::size_t i : refused) ADD_FAILURE() << "refused " << names[i];
  double worst = 0, sum = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (std::ranges::find(refused, i) != refused.end()) continue;
    const Difference off = difference(on_cpu(decode_image(files[i]), spec), slot(*loader, i, spec));
    EXPECT_LE(off.mean, 2.0) << names[i] << ", at most " << off.most;
    worst = std::max(worst, off.mean);
    sum += off.mean;
  }
  std::printf("%s: %zu files, mean difference %.4f grey levels, worst file %.4f; %zu refused\n",
              loader->decoder().c_str(), files.size(), sum / static_cast<double>(files.size()),
              worst, refused.size());
  EXPECT_LE(loader->bytes(), loader->most_bytes());
}

TEST_P(GpuJpeg, DamagedFilesAreRefusedOrDecodedAndSpoilNoOther) {
  const Preprocessing spec;
  constexpr std::size_t kCount = 40;
  std::vector<std::vector<std::byte>> files;
  for (std::size_t i = 0; i < kCount; ++i) {
    files.push_back(write_jpeg(make_photo(300 + static_cast<int>(i), 200, static_cast<unsigned>(i)),
                               {.progressive = i % 8 == 7}));
    if (i % 5 == 2) {  // damage behind the headers, leaving the end marker
      for (std::size_t at = files[i].size() / 2; at < files[i].size() - 2; at += 97)
        files[i][at] ^= std::byte{0x5A};
    }
    if (i % 5 == 3) files[i].erase(files[i].end() - 2000, files[i].end() - 2);  // a piece is lost
  }
  CAFT_OPEN(loader, {.batch = kCount, .spec = spec});
  for (int round = 0; round < 3; ++round) {
    std::vector<ImageLoader::Item> items;
    for (std::size_t i = 0; i < kCount; ++i) items.push_back(item(i, files[i]));
    const auto refused = loader->load(items);
    std::printf("%s, round %d: %zu of %zu refused, 16 are damaged\n", loader->decoder().c_str(),
                round, refused.size(), kCount);
    for (std::size_t i = 0; i < kCount; ++i) {
      const bool damaged = i % 5 == 2 || i % 5 == 3;
      const bool out = std::ranges::find(refused, i) != refused.end();
      if (damaged) continue;
      EXPECT_FALSE(out) << "sound file " << i << " was refused in round " << round;
      if (out) continue;
      const Difference off =
          difference(on_cpu(decode_image(files[i]), spec), slot(*loader, i, spec));
      EXPECT_LE(off.mean, 2.0) << "sound file " << i << " in round " << round;
    }
  }
}

TEST_P(GpuJpeg, PixelsFromTheCpuGoIntoTheirSlots) {
  const Preprocessing spec{.resize = 64, .height = 56, .width = 48};
  const auto file = write_jpeg(make_photo(200, 150), {});
  const Image photo = make_photo(90, 120, 3);
  const auto pixels = on_cpu(photo, spec);
  CAFT_OPEN(loader, {.batch = 4, .spec = spec});
  const std::vector<ImageLoader::Item> items = {
      {.slot = 3, .pixels = pixels}, item(0, file), {.slot = 1, .pixels = pixels}, item(2, file)};
  EXPECT_TRUE(loader->load(items).empty());
  EXPECT_EQ(slot(*loader, 1, spec), pixels);
  EXPECT_EQ(slot(*loader, 3, spec), pixels);
  EXPECT_EQ(slot(*loader, 0, spec), slot(*loader, 2, spec));
  EXPECT_LE(difference(on_cpu(decode_image(file), spec), slot(*loader, 0, spec)).mean, 2.0);
  EXPECT_THROW(loader->load(std::vector<ImageLoader::Item>{{.slot = 4, .pixels = pixels}}), Error);
}

TEST_P(GpuJpeg, LittleMemoryMeansMoreStepsAndTheSamePixels) {
  const Preprocessing spec;
  std::vector<std::vector<std::byte>> files;
  for (int i = 0; i < 12; ++i)
    files.push_back(write_jpeg(make_photo(400, 300 + 20 * i, static_cast<unsigned>(i)), {}));
  files.push_back(write_jpeg(make_photo(1500, 1200), {}));  // more than all of the memory
  CAFT_OPEN(roomy, {.batch = 13, .spec = spec});
  CAFT_OPEN(tight, {.batch = 13, .spec = spec, .pixel_memory = std::size_t{3} << 20});
  std::vector<ImageLoader::Item> items;
  for (std::size_t i = 0; i < files.size(); ++i) items.push_back(item(i, files[i]));
  EXPECT_TRUE(roomy->load(items).empty());
  EXPECT_EQ(tight->load(items), std::vector<std::size_t>{12});
  EXPECT_LE(tight->bytes(), tight->most_bytes());
  for (std::size_t i = 0; i < 12; ++i)
    EXPECT_EQ(slot(*roomy, i, spec), slot(*tight, i, spec)) << "file " << i;
}

TEST_P(GpuJpeg, TooLittleMemoryForTheDecoderMeansRefusals) {
  const auto file = write_jpeg(make_photo(800, 600), {});
  ImageLoaderOptions options{.batch = 1};
  options.decoder_memory = 4096;
  CAFT_OPEN(whole, {.batch = 1});
  try {
    const auto loader = open(options);
    const std::vector<ImageLoader::Item> items = {item(0, file)};
    EXPECT_LE(loader->load(items).size(), 1U);
    EXPECT_LE(loader->bytes(), loader->most_bytes());
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable) << error.what();
  }
}

TEST_P(GpuJpeg, LoadersInSeveralThreadsAgree) {
  const Preprocessing spec;
  std::vector<std::vector<std::byte>> files;
  for (int i = 0; i < 64; ++i)
    files.push_back(write_jpeg(make_photo(300 + i, 240 + 3 * i, static_cast<unsigned>(i)), {}));
  std::vector<ImageLoader::Item> items;
  for (std::size_t i = 0; i < files.size(); ++i) items.push_back(item(i, files[i]));
  CAFT_OPEN(reference, {.batch = 64, .spec = spec});
  ASSERT_TRUE(reference->load(items).empty());
  std::vector<std::vector<std::uint8_t>> expected;
  for (std::size_t i = 0; i < files.size(); ++i) expected.push_back(slot(*reference, i, spec));
  std::atomic<int> wrong{0}, refusals{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        const auto loader = open({.batch = 64, .spec = spec});
        for (int round = 0; round < 10; ++round) {
          refusals += static_cast<int>(loader->load(items).size());
          for (std::size_t i = 0; i < files.size(); ++i)
            wrong += slot(*loader, i, spec) == expected[i] ? 0 : 1;
        }
      });
    }
  }
  EXPECT_EQ(refusals, 0);
  EXPECT_EQ(wrong, 0) << "of " << 4 * 10 * 64 << " slots";
}

INSTANTIATE_TEST_SUITE_P(Backends, GpuJpeg,
                         testing::Values(JpegBackend::hardware, JpegBackend::hybrid),
                         [](const auto& suite) {
                           return suite.param == JpegBackend::hardware ? "hardware" : "hybrid";
                         });

}  // namespace
}  // namespace caft::test
