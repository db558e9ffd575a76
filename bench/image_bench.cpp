// Decoding and preprocessing of one image on one core. The image is a colour photograph's stand-in:
// 500x375, JPEG quality 90, 4:2:0, about 85 KB.
//
//   image_bench [--benchmark_… options] [FILE]
//
// With FILE, that image is used instead; without, one is made of waves and noise.
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "caft/core/file.hpp"
#include "caft/image/image.hpp"
#include "caft/image/preprocess.hpp"

namespace {

std::vector<std::byte> make_photograph() {
  std::mt19937 random(1);
  std::normal_distribution<float> noise(0.0F, 1.0F);
  caft::Image image{500, 375, {}};
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const float grain = noise(random) * 13.0F;
      for (int c = 0; c < 3; ++c) {
        const auto phase = static_cast<float>(c);
        const float wave = std::sin(static_cast<float>(x) / (9 + phase)) +
                           std::cos(static_cast<float>(y) / (13 + phase));
        const float value = 128 + 45 * wave + grain + noise(random) * 4.0F;
        image.pixels.push_back(static_cast<std::uint8_t>(std::fmin(std::fmax(value, 0), 255)));
      }
    }
  }
  return caft::encode_jpeg(image, 90);
}

const std::vector<std::byte>* photograph = nullptr;

void decode(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(caft::decode_image(*photograph));
  state.counters["file_bytes"] = static_cast<double>(photograph->size());
}

caft::Preprocessing spec_of(caft::Interpolation interpolation) {
  caft::Preprocessing spec;
  spec.interpolation = interpolation;
  return spec;
}

void resize(benchmark::State& state, caft::Interpolation interpolation) {
  const caft::Image image = caft::decode_image(*photograph);
  const caft::Preprocessing spec = spec_of(interpolation);
  std::vector<std::uint8_t> out(std::size_t{224} * 224 * 3);
  for (auto _ : state) {
    caft::resize_and_crop(image, spec, out);
    benchmark::ClobberMemory();
  }
}

/// Every image of another size: no table is ever found again.
void resize_new_sizes(benchmark::State& state) {
  const caft::Preprocessing spec;
  std::vector<std::uint8_t> out(std::size_t{224} * 224 * 3);
  std::vector<caft::Image> images;
  for (int i = 0; i < 16; ++i) {
    caft::Image image{480 + 5 * i, 375 - 4 * i, {}};
    image.pixels.assign(
        static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * 3, 100);
    images.push_back(std::move(image));
  }
  std::size_t next = 0;
  for (auto _ : state) {
    caft::resize_and_crop(images[next++ % images.size()], spec, out);
    benchmark::ClobberMemory();
  }
}

void normalize(benchmark::State& state) {
  const caft::Preprocessing spec;
  const std::vector<std::uint8_t> in(std::size_t{224} * 224 * 3, 100);
  std::vector<float> out(in.size());
  for (auto _ : state) {
    caft::normalize_to_chw(in, spec, out);
    benchmark::ClobberMemory();
  }
}

void thumbnail(benchmark::State& state) {
  caft::Image image{224, 224, std::vector<std::uint8_t>(std::size_t{224} * 224 * 3)};
  caft::resize_and_crop(caft::decode_image(*photograph), {}, image.pixels);
  for (auto _ : state) benchmark::DoNotOptimize(caft::encode_jpeg(image, 80));
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const auto file = argc > 1 ? caft::read_file(argv[1]) : make_photograph();
  photograph = &file;
  const auto unit = benchmark::kMicrosecond;
  benchmark::RegisterBenchmark("decode", decode)->Unit(unit);
  benchmark::RegisterBenchmark("resize/bilinear", resize, caft::Interpolation::bilinear)
      ->Unit(unit);
  benchmark::RegisterBenchmark("resize/bicubic", resize, caft::Interpolation::bicubic)->Unit(unit);
  benchmark::RegisterBenchmark("resize/new_sizes", resize_new_sizes)->Unit(unit);
  benchmark::RegisterBenchmark("normalize", normalize)->Unit(unit);
  benchmark::RegisterBenchmark("thumbnail", thumbnail)->Unit(unit);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
