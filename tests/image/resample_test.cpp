// The kernels of all CPU levels give the same bits, and read and write within their bounds.
#include <random>

#include <gtest/gtest.h>

#include "image/resample_kernels.hpp"

namespace caft::image {
namespace {

std::vector<std::uint8_t> random_bytes(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> bytes(size);
  // Extremes are frequent, so that sums clip at both ends.
  for (auto& byte : bytes) {
    const unsigned value = static_cast<unsigned>(random());
    byte = static_cast<std::uint8_t>(value % 3 == 0 ? 0 : value % 3 == 1 ? 255 : value >> 8);
  }
  return bytes;
}

std::vector<std::uint8_t> horizontal(CpuLevel level, ResampleTable table, int in) {
  const ResampleKernels& kernels = resample_kernels(level);
  if (kernels.pack != nullptr) kernels.pack(table);
  std::vector<std::uint8_t> row = random_bytes(static_cast<std::size_t>(in) * 3, 5);
  row.resize(std::max(row.size(), horizontal_reach(table)), 123);
  std::vector<std::uint8_t> out(static_cast<std::size_t>(table.outputs) * 3 + kRowSlack);
  kernels.horizontal(row.data(), table, out.data());
  out.resize(static_cast<std::size_t>(table.outputs) * 3);
  return out;
}

TEST(Resample, LevelsAgreeHorizontally) {
  const auto best = static_cast<int>(best_cpu_level());
  if (best == 0) GTEST_SKIP() << "this CPU has one level";
  for (const auto interpolation : {Interpolation::bilinear, Interpolation::bicubic}) {
    for (const int in : {1, 2, 3, 5, 16, 100, 257, 1999}) {
      for (const int out : {1, 2, 3, 7, 64, 225}) {
        const auto table = make_resample_table(in, out, out / 5, out - out / 5, interpolation);
        const auto expected = horizontal(CpuLevel::portable, table, in);
        for (int level = 1; level <= best; ++level) {
          ASSERT_EQ(horizontal(static_cast<CpuLevel>(level), table, in), expected)
              << in << " to " << out << " at level " << level;
        }
      }
    }
  }
}

TEST(Resample, LevelsAgreeVertically) {
  const auto best = static_cast<int>(best_cpu_level());
  if (best == 0) GTEST_SKIP() << "this CPU has one level";
  for (const int in : {1, 3, 16, 100, 257}) {
    const auto table = make_resample_table(in, 20, 0, 20, Interpolation::bicubic);
    for (const std::size_t bytes : {1U, 3U, 63U, 512U, 1500U}) {
      const auto pixels = random_bytes(static_cast<std::size_t>(in) * bytes, 6);
      for (std::size_t i = 0; i < 20; ++i) {
        std::vector<const std::uint8_t*> rows(static_cast<std::size_t>(table.taps));
        for (std::size_t t = 0; t < rows.size(); ++t) {
          const auto offset = t < static_cast<std::size_t>(table.count[i]) ? t : 0;
          rows[t] = &pixels[(static_cast<std::size_t>(table.first[i]) + offset) * bytes];
        }
        const auto run = [&](CpuLevel level) {
          std::vector<std::uint8_t> out(bytes);
          resample_kernels(level).vertical(rows.data(), &table.weights[i * rows.size()], table.taps,
                                           out.data(), bytes);
          return out;
        };
        for (int level = 1; level <= best; ++level) {
          ASSERT_EQ(run(static_cast<CpuLevel>(level)), run(CpuLevel::portable))
              << in << " " << bytes;
        }
      }
    }
  }
}

TEST(Resample, WeightsSumToOne) {
  for (const auto interpolation : {Interpolation::bilinear, Interpolation::bicubic}) {
    for (const int in : {1, 2, 10, 500, 4000}) {
      const auto table = make_resample_table(in, 224, 0, 224, interpolation);
      for (std::size_t i = 0; i < 224; ++i) {
        double sum = 0;
        for (int t = 0; t < table.taps; ++t) {
          sum +=
              table.weights[i * static_cast<std::size_t>(table.taps) + static_cast<std::size_t>(t)];
        }
        ASSERT_NEAR(sum / (1 << kWeightBits), 1.0, 1e-4);
        ASSERT_GE(table.first[i], 0);
        ASSERT_LE(table.first[i] + table.count[i], in);
      }
    }
  }
}

}  // namespace
}  // namespace caft::image
